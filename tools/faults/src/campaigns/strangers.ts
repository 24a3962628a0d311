import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isIpcError, runtimeDirectory } from '@ipc/core';
import { fifo, openFifoReceiver } from '@ipc/pipe';
import { peerOf, sameUser, unix } from '@ipc/socket';
import type { Campaign, Findings } from '../campaign.ts';
import { openNamedObjects, type Opened } from '../named-objects.ts';
import { campaignName, endWorker } from '../worker.ts';

const worker = fileURLToPath(new URL('../workers/stranger.js', import.meta.url));
/** `nobody`. */
const stranger = 65534;

/** The names that another user took first: whoever wants one is told, and what a link points to stays as it was. */
const squatted = ['linked', 'plain', 'dangling', 'bait'];

async function refusal(attempt: () => unknown): Promise<string | undefined> {
  try {
    await attempt();
    return 'it was possible';
  } catch (error) {
    return isIpcError(error) ? undefined : String(error);
  }
}

async function attackAll(folder: string): Promise<Findings> {
  const [open, sticky, precious] = ['open', 'sticky', 'precious'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(open);
  chmodSync(open, 0o755); // the mode of each file is all that protects it
  mkdirSync(sticky);
  chmodSync(sticky, 0o1777);
  writeFileSync(precious, 'mine', { mode: 0o600 });
  const prefix = campaignName('strangers');
  const opened: Opened[] = [];
  process.env.XDG_RUNTIME_DIR = open;
  const abstract = { namespace: 'abstract' } as const;
  const guarded = await unix({ ...abstract, authorize: sameUser() }).listen(prefix);
  const openToAll = await unix(abstract).listen(`${prefix}-all`);
  const greeted = openToAll.accept().then(async (channel) => {
    const uid = peerOf(channel)?.uid;
    await channel.send(new TextEncoder().encode('welcome'));
    await channel.receive().catch(() => undefined);
    await channel.close();
    return uid;
  });
  opened.push(guarded, openToAll);
  try {
    await openNamedObjects(prefix, (object) => void opened.push(object));
    opened.push(await fifo().listen(`${prefix}-f`), await openFifoReceiver(`${prefix}-fr`));
    const files = [
      ...readdirSync(open).map((name) => join(open, name)),
      ...readdirSync('/dev/shm')
        .filter((name) => name.includes(prefix))
        .map((name) => join('/dev/shm', name)),
    ];
    const other = fork(worker, files, {
      uid: stranger,
      gid: stranger,
      execArgv: [],
      env: { ...process.env, STICKY: sticky, ABSTRACT: prefix },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const [said] = (await Promise.race([
      once(other, 'message'),
      once(other, 'exit').then(([code]) => [{ made: 0, findings: [`it ended with code ${String(code)}`] }]),
    ])) as [{ made: number; findings: string[] }];
    const violations = [...said.findings];
    let made = said.made;
    const note = (what: string, outcome: string | undefined): void => {
      made++;
      if (outcome !== undefined) violations.push(`${what}: ${outcome}`);
    };
    const uid = await greeted;
    note('credentials', uid === stranger ? undefined : `uid ${String(uid)}`);
    for (const name of squatted)
      note(`listen on ${name}`, await refusal(() => unix({ namespace: { directory: sticky } }).listen(name)));
    note('a link followed', readFileSync(precious, 'utf8') === 'mine' ? undefined : 'it was written to');
    const { TMPDIR } = process.env;
    delete process.env.XDG_RUNTIME_DIR;
    process.env.TMPDIR = sticky;
    note('a runtime directory of another user', await refusal(runtimeDirectory));
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
    process.env.XDG_RUNTIME_DIR = open;
    await endWorker(other);
    return {
      figure: `${made - violations.length} of ${made} attacks of another user on ${files.length} files and ${squatted.length + 3} names refused`,
      violations,
    };
  } finally {
    for (const object of opened.reverse()) {
      if (Symbol.asyncDispose in object) await object[Symbol.asyncDispose]();
      else object[Symbol.dispose]();
    }
  }
}

/** H6: what another user may do to what this one has opened under a umask of 0. Needs root, to become another user. */
export const strangers: Campaign = {
  name: 'strangers',
  what: 'another user opens, links, locks, replaces and removes every file of every mechanism, connects, and takes names first (needs root)',
  rounds: 1,
  async run() {
    if (process.getuid?.() !== 0)
      return { figure: 'did not run', violations: ['only root can become another user'] };
    const umask = process.umask(0);
    const { XDG_RUNTIME_DIR } = process.env;
    const folder = mkdtempSync(join(tmpdir(), 'ipc-strangers-'));
    chmodSync(folder, 0o755);
    try {
      return await attackAll(folder);
    } finally {
      process.umask(umask);
      if (XDG_RUNTIME_DIR === undefined) delete process.env.XDG_RUNTIME_DIR;
      else process.env.XDG_RUNTIME_DIR = XDG_RUNTIME_DIR;
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
