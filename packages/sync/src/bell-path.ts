/** Where bells hang: next to the regions, so that whoever can open a lock can ring for it. */
export const bellDirectory = '/dev/shm';
export const bellPrefix = 'ipc-bell-';

/** The path of the bell with this id. */
export function bellPath(high: number, low: number): string {
  return `${bellDirectory}/${bellPrefix}${hex(high)}${hex(low)}`;
}

/** Beside a bell: where its thread acquired what it holds (trace.ts). */
export function tracePath(bell: string): string {
  return `${bell}.trace`;
}

/** The bell that a trace lies beside; undefined when `path` is none. */
export function ofTrace(path: string): string | undefined {
  return path.endsWith('.trace') ? path.slice(0, -'.trace'.length) : undefined;
}

/** Something that waits on this thread's event loop. */
export interface Sleeper {
  /** It may be worth looking again. */
  look(): void;
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
