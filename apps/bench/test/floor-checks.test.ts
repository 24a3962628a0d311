/** The C floor checks every message and every operation. */
import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { floorScenarios, type Floor } from '../src/floor.ts';
import { apart, compiler, ended, scratch, secondCpu, theFloor } from './floor-fixture.ts';

let floor: Floor;
beforeAll(async () => {
  floor = await theFloor();
}, 60_000);

/** Takes the place of a system call in the floor and damages it once, at the tenth message. */
const shim = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include <mqueue.h>
#include <sys/socket.h>
#include <sys/msg.h>
static int calls;
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
/* A call has one message: with DAMAGE its last byte arrives changed, with LOSE nothing arrives. */
#define SHIM(result, name, parameters, data, length, call)                     \\
  result name parameters {                                                     \\
    if (++calls == 10) {                                                       \\
      if (LOSE) return (result)(length);                                       \\
      char copy[4096];                                                         \\
      memcpy(copy, data, 4096 < (length) ? 4096 : (length));                   \\
      copy[(length) - 1] ^= 1;                                                 \\
      data = (void *)copy;                                                     \\
      return REAL(name) call;                                                  \\
    }                                                                          \\
    return REAL(name) call;                                                    \\
  }
SHIM(ssize_t, write, (int fd, const void *data, size_t n), data, n, (fd, data, n))
SHIM(ssize_t, send, (int fd, const void *data, size_t n, int f), data, n, (fd, data, n, f))
SHIM(int, mq_send, (mqd_t q, const char *data, size_t n, unsigned p), data, LOSE ? 0 : n, (q, data, n, p))
SHIM(int, msgsnd, (int q, const void *data, size_t n, int f), data, LOSE ? 0 : n + sizeof(long), (q, data, n, f))
#ifdef UNLOCKED
int pthread_mutex_lock(pthread_mutex_t *mutex) { return mutex == 0; }
int pthread_mutex_unlock(pthread_mutex_t *mutex) { return mutex == 0; }
#endif
`;

describe('checking', () => {
  const preload = (name: string, ...defines: string[]): NodeJS.ProcessEnv => {
    const library = join(scratch, `${name}.so`);
    const options = ['-x', 'c', '-shared', '-fPIC', '-O2', '-o', library, '-', ...defines];
    execFileSync(compiler, options, { input: shim });
    return { ...process.env, LD_PRELOAD: library };
  };
  const kernelSubjects = [...floorScenarios.keys()].filter((subject) => /^(pipe|socket|mq)/.test(subject));

  test.each(kernelSubjects)('a message damaged or lost in %s fails the run', async (subject) => {
    for (const scenario of ['throughput', 'round-trip']) {
      const line = [subject, scenario, '--bytes', '64', '--messages', '100'];

      const damaged = await ended(spawn(floor.path, line, { env: preload('damage', '-DLOSE=0') }));
      expect(damaged).toMatchObject({ code: 1, stdout: '' });
      expect(damaged.stderr).toContain('message 9 is damaged');
    }
    const line = [subject, 'throughput', '--bytes', '64', '--messages', '100'];
    const lost = await ended(spawn(floor.path, line, { env: preload('lose', '-DLOSE=1') }));
    expect(lost).toMatchObject({ code: 1, stdout: '' });
    expect(lost.stderr).toContain('message 9 is damaged or out of order: it carries the number 10');
  });

  test('a mutex that lets both in fails the run', async (context) => {
    context.skip(secondCpu === undefined, 'one processor only');
    const line = ['sync.mutex', 'lock-contended', '--messages', '100000000', '--cpus', apart.join()];
    const { code, stderr } = await ended(
      spawn(floor.path, line, { env: preload('unlocked', '-DLOSE=0', '-DUNLOCKED') }),
    );

    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('were accounted for') as string,
    });
  });
});
