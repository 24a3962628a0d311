/** Words of the region of the campaign lock-stress: blocks of one word for each process, then a few for all. */
const block = 64;

/** 1 while the process counts: the campaign clears it before it kills. */
export const ALIVE = 0;
/** Permits the process holds. */
export const PERMITS: number = block;
/** 1: it reads, 2: it writes. */
export const ACCESS: number = 2 * block;
/** How often it has acquired anything. */
export const OPERATIONS: number = 3 * block;
/** Who is inside the mutex, and the fair one: its index + 1. */
export const INSIDE: number = 4 * block;
export const VIOLATIONS: number = 4 * block + 2;
export const WORDS: number = 5 * block;
export const PROCESSES: number = block;
