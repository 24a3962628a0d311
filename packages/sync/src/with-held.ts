/** Runs `work` and disposes of `held` when it has ended, one way or the other. */
export async function withHeld<Result>(
  held: Disposable,
  work: () => Result | Promise<Result>,
): Promise<Awaited<Result>> {
  try {
    return await work();
  } finally {
    held[Symbol.dispose]();
  }
}
