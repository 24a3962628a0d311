/** Words by which those who use damaged structures and those who damage them tell how far they are. */

/** Which round is being gone through: structure `round % structures`. */
export const ROUND = 0;
/** How often something was used, each time in every way. */
export const USES = 1;
/** How often something was changed meanwhile. */
export const CHANGES = 2;

/** An integer at which a check may fail: a power of two, one less, or negative. */
export function interesting(random: () => number): number {
  const power = 2 ** Math.floor(random() * 32);
  return Math.trunc(random() < 0.5 ? power - 1 : -power) | 0;
}
