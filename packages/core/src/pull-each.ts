/** The `drain` of a port that lends nothing: hands out what `pull` brings, `limit` messages at most; returns how many. */
export function pullEach(
  pull: () => Uint8Array | undefined,
  handler: (message: Uint8Array) => void,
  limit: number,
): number {
  let count = 0;
  for (; count < limit; count++) {
    const message = pull();
    if (message === undefined) break;
    handler(message);
  }
  return count;
}
