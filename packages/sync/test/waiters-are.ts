import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';

/** So many wait, and those of other processes are asleep: who has only said that he will wait may not stand in line yet. */
export async function waitersAre(
  lock: { readonly waiters: readonly { readonly pid: number }[] },
  count: number,
): Promise<void> {
  while (lock.waiters.length !== count) await setImmediate();
  for (const { pid } of lock.waiters) while (pid !== process.pid && !isAsleep(pid)) await setImmediate();
}

/** The state comes behind the program's name, which is in parentheses, proc_pid_stat(5). */
function isAsleep(pid: number): boolean {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') S ');
}
