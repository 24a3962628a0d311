/** How the C floor is built, and how its answer is read. */
import { mkdtempSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildFloor, Floor } from '../src/floor.ts';
import { compile, scratch } from './floor-fixture.ts';

describe('building', () => {
  test('is clean of warnings', () => {
    compile(join(scratch, 'strict'));
  }, 60_000);

  test('happens when a source is newer, and only then', async () => {
    const output = join(scratch, 'kept');
    writeFileSync(output, '');
    expect((await buildFloor({ output, compiler: 'no-such-compiler' }))?.path).toBe(output);

    utimesSync(output, 0, 0);
    await buildFloor({ output });
    expect(statSync(output).size).toBeGreaterThan(0);
  }, 60_000);

  test.each([
    ['no-such-compiler', /no-such-compiler was not found .* set CC/],
    ['false', /does not compile/],
  ])('with the compiler %s there is no floor, and a reason', async (wrong, reason) => {
    const reasons: string[] = [];
    const output = join(scratch, 'never');

    expect(
      await buildFloor({ compiler: wrong, output, explain: (text) => reasons.push(text) }),
    ).toBeUndefined();

    expect(reasons).toEqual([expect.stringMatching(reason)]);
    expect(readdirSync(scratch).filter((file) => file.startsWith('never'))).toEqual([]);
  });
});

describe('reading the answer', () => {
  const request = { subject: 'pipe.fifo', scenario: 'round-trip', messageBytes: 64, messages: 10 };
  const good = {
    ...request,
    ...{ elapsedNs: 5, messagesPerSecond: 2, latencyNs: { p50: 1, p99: 2 }, checked: 10 },
  };
  const answering = (answer: string): Floor => {
    const script = join(mkdtempSync(join(scratch, 'fake-')), 'floor');
    writeFileSync(script, `#!/bin/sh\ncat <<'END'\n${answer}\nEND\n`, { mode: 0o755 });
    return new Floor(script);
  };

  test('takes the figures', async () => {
    expect(await answering(JSON.stringify(good)).measure(request)).toEqual({
      ...{ elapsedNs: 5, messagesPerSecond: 2, latencyNs: { p50: 1, p99: 2 } },
    });
  });

  test.each([
    ['nothing', ''],
    ['half a line', '{"subject":'],
    ['another type', '[]'],
    ['null', 'null'],
    ['another subject', { ...good, subject: 'pipe.anonymous' }],
    ['another size', { ...good, messageBytes: 65 }],
    ['a missing message', { ...good, checked: 9 }],
    ['no figure', { ...good, messagesPerSecond: undefined }],
    ['a figure that is none', { ...good, elapsedNs: '5' }],
    ['half of the percentiles', { ...good, latencyNs: { p50: 1 } }],
    ['percentiles upside down', { ...good, latencyNs: { p50: 2, p99: 1 } }],
  ])('refuses %s', async (_name, answer) => {
    const fake = answering(typeof answer === 'string' ? answer : JSON.stringify(answer));

    await expect(fake.measure(request)).rejects.toThrow('which is no result');
  });

  test('a binary that is not there is an error like any other', async () => {
    await expect(new Floor(join(scratch, 'gone')).measure(request)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('takes a run that the watchdog ended for one that this machine cannot do', async () => {
    const script = join(mkdtempSync(join(scratch, 'fake-')), 'floor');
    writeFileSync(script, '#!/bin/sh\necho "floor: watchdog: too slow" >&2\nexit 124\n', { mode: 0o755 });

    expect(await new Floor(script).measure(request)).toEqual({ unsupported: 'floor: watchdog: too slow' });
  });

  test('passes on what the binary complained about', async () => {
    const script = join(mkdtempSync(join(scratch, 'fake-')), 'floor');
    writeFileSync(script, '#!/bin/sh\necho "floor: a broken pipe" >&2\nexit 1\n', { mode: 0o755 });

    await expect(new Floor(script).measure(request)).rejects.toThrow(
      'the floor failed at pipe.fifo round-trip --bytes 64 --messages 10: floor: a broken pipe',
    );
  });
});
