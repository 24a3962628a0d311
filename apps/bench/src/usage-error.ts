/** What the user can mend: told in one line, and the program ends with 2. */
export class UsageError extends Error {
  static {
    this.prototype.name = 'UsageError';
  }
}
