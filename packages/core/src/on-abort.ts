/** What to call when a signal is aborted. */
const callsOf = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `call` once `signal` is aborted. However many wait on it, the signal has one listener: Node takes more than ten for a leak
 * and says so. It is taken off with the last of them.
 *
 * @param signal - Not yet aborted, as the caller has checked.
 * @param call - A function of its own for each call.
 * @returns Takes `call` back; idempotent. Cost: O(1).
 */
export function onAbort(signal: AbortSignal, call: () => void): () => void {
  const calls = callsOf.get(signal) ?? listen(signal);
  calls.add(call);
  return () => {
    if (!calls.delete(call) || calls.size > 0) return;
    callsOf.delete(signal);
    signal.removeEventListener('abort', tell);
  };
}

function listen(signal: AbortSignal): Set<() => void> {
  const calls = new Set<() => void>();
  callsOf.set(signal, calls);
  signal.addEventListener('abort', tell);
  return calls;
}

/** One that is taken back by another's call is not called any more: a set goes on behind what was deleted. */
function tell(this: AbortSignal): void {
  for (const call of callsOf.get(this) ?? []) call();
}
