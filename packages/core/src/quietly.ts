/**
 * Gives something back. Nothing is thrown, for nobody could do anything about it, and what comes after must be given back too:
 * a close that fails has closed (close(2)), and a name that stays is replaced by whoever claims it next.
 */
export function quietly(giveBack: () => void): void {
  try {
    giveBack();
  } catch {
    // see above
  }
}
