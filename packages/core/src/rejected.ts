/**
 * A promise that rejects with just what was caught, or with the reason of an AbortSignal: an Error as a rule, though nobody is
 * bound to it.
 */
export function rejected(reason: unknown): Promise<never> {
  const error = reason as Error;
  return Promise.reject(error);
}
