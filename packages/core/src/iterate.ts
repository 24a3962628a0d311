/** `for await` over anything with `receive`; leaving early closes nothing (C11). */
export function iterate<T>(receive: () => Promise<T | undefined>): AsyncIterableIterator<T, undefined> {
  let over = false;
  return {
    async next() {
      const value = over ? undefined : await receive();
      if (value !== undefined) return { done: false, value };
      over = true;
      return { done: true, value: undefined };
    },
    return() {
      over = true;
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
