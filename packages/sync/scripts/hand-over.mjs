/**
 * How long it takes from the SIGKILL of a mutex's owner until the next taker runs: `hand-over.mjs [rounds] [--victim c]`.
 *
 * The clock starts just before kill(2). What the kernel needs to tear the victim down is in it, and is not ours; so a third
 * process, which blocks in poll(2) on a plain pipe of the victim's, tells when anybody could have known. A victim in C
 * (test/peers/mutex.c) shows the same without Node's memory to tear down. Two takers: one blocks, one waits on its event loop.
 */
import { execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, constants, rmSync } from 'node:fs';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { mkfifo, poll } from '@ipc/native';
import { Mutex } from '@ipc/sync';

const self = fileURLToPath(import.meta.url);
const nowNs = () => process.hrtime.bigint();

const roles = {
  /** Takes the lock and keeps it, and the FIFO. */
  victim(name, fifo) {
    openSync(fifo, constants.O_WRONLY);
    const mutex = Mutex.openOrCreate(name);
    mutex.acquireSync();
    process.on('disconnect', () => process.exit());
    process.send('held');
  },
  taker(name, _fifo, spelling) {
    const mutex = Mutex.openOrCreate(name);
    process.on('message', async () => {
      process.send('waiting');
      const held = spelling === 'acquire' ? await mutex.acquire() : mutex.acquireSync();
      const at = nowNs();
      held.release();
      process.send({ at: String(at) });
    });
    process.send('ready');
  },
  watcher(_name, fifo) {
    process.on('message', () => {
      const fd = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
      process.send('open');
      process.once('message', () => undefined);
      void setImmediate().then(() => {
        poll(Int32Array.of(fd), Int16Array.of(0), new Int16Array(1), -1);
        process.send({ at: String(nowNs()) });
        closeSync(fd);
      });
    });
    process.send('ready');
  },
};

const [role, ...rest] = process.argv.slice(2);
if (role in roles) roles[role](...rest);
else {
  const rounds = Number(role ?? 300);
  if (!(rounds >= 1))
    throw new TypeError(`hand-over.mjs [rounds] [--victim c]: ${role} is no number of rounds`);
  await measure(rounds, rest.includes('c'));
}

async function measure(rounds, inC) {
  const name = `hand-over-${process.pid}`;
  const fifo = `/tmp/${name}.fifo`;
  const program = `/tmp/${name}`;
  mkfifo(fifo, 0o600);
  if (inC) {
    const source = fileURLToPath(new URL('../test/peers/mutex.c', import.meta.url));
    execFileSync('cc', ['-std=gnu11', '-D_GNU_SOURCE', '-O1', '-o', program, source]);
  }
  const keeper = Mutex.openOrCreate(name, { keep: true });
  const start = async (...args) => {
    const child = fork(self, args, { execArgv: [] });
    await once(child, 'message');
    return child;
  };
  const watcher = await start('watcher', name, fifo);
  const results = {};
  for (const spelling of ['acquireSync', 'acquire']) {
    const taker = await start('taker', name, fifo, spelling);
    const latencies = { pipe: [], lock: [], beyond: [] };
    for (let round = 0; round < rounds; round++) {
      watcher.send('open');
      await once(watcher, 'message');
      const victim = inC ? await startC(program, name, fifo) : await start('victim', name, fifo);
      taker.send('wait');
      await once(taker, 'message');
      while (keeper.waiters.length === 0) await setImmediate();
      const answers = [once(watcher, 'message'), once(taker, 'message')];
      await setTimeout(2); // let both fall asleep
      const killed = nowNs();
      victim.kill('SIGKILL');
      const [pipe, lock] = (await Promise.all(answers)).map(([{ at }]) => Number(BigInt(at) - killed) / 1e6);
      latencies.pipe.push(pipe);
      latencies.lock.push(lock);
      latencies.beyond.push(Math.max(0, lock - pipe));
      if (victim.exitCode === null && victim.signalCode === null) await once(victim, 'exit');
    }
    results[spelling] = latencies;
    taker.kill();
  }
  watcher.kill();
  for (const [spelling, latencies] of Object.entries(results)) {
    for (const [what, values] of Object.entries(latencies)) {
      values.sort((a, b) => a - b);
      const at = (share) =>
        values[Math.min(values.length - 1, Math.floor(values.length * share))].toFixed(2).padStart(7);
      console.log(
        `${inC ? 'C' : 'Node'} victim, ${spelling.padEnd(11)} ${what.padEnd(6)} ms: p50 ${at(0.5)} p90 ${at(0.9)} p99 ${at(0.99)} max ${at(1)}`,
      );
    }
  }
  keeper.close();
  Mutex.unlink(name);
  rmSync(fifo);
  rmSync(program, { force: true });
}

async function startC(program, name, fifo) {
  const fd = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  const victim = spawn(program, [name], { stdio: ['pipe', 'pipe', 'inherit', fd] });
  closeSync(fd);
  await once(victim.stdout, 'data');
  victim.stdin.write('acquire\n');
  await once(victim.stdout, 'data');
  return victim;
}
