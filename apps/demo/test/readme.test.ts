import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

test("the repository's README shows a server and a client that work", () => {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  const [, example = ''] = /```ts\n([\s\S]+?)```/.exec(readme) ?? [];
  const [server = '', client = ''] = example.split('// client.ts, another process\n');
  const directory = mkdtempSync(join(tmpdir(), 'readme-'));
  const options = { cwd: import.meta.dirname, env: { ...process.env, XDG_RUNTIME_DIR: directory } };
  const program = (source: string): string[] => ['--input-type=module', '-e', source];

  const running = spawn(process.execPath, program(server), { ...options, stdio: 'inherit' });
  onTestFinished(() => {
    running.kill('SIGKILL');
    rmSync(directory, { recursive: true });
  });
  // The second client finds that the first one's end has not ended the server.
  for (let served = 0; served < 2;) {
    const { status, stdout, stderr } = spawnSync(process.execPath, program(client), {
      ...options,
      encoding: 'utf8',
    });
    if (served === 0 && stderr.includes('ERR_IPC_NOT_FOUND')) continue; // it does not listen yet
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toBe('Uint8Array(5) [ 104, 101, 108, 108, 111 ]\n');
    served++;
  }
});
