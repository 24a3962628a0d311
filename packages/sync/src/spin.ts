import { affinity } from '@ipc/native';

/** How often a look at a busy word is repeated before sleeping; about 20 ns each. */
const looks = 2000;

let rounds: number | undefined;

/** Looks until `isFree`, for a bounded time: the owner may be running on another processor. Never on a single one. */
export function spin(isFree: () => boolean): boolean {
  rounds ??= affinity().length > 1 ? looks : 0;
  for (let round = 0; round < rounds; round++) if (isFree()) return true;
  return false;
}
