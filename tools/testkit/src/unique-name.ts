let count = 0;

/** What every name of this process starts with, so that {@link noLeaks} can tell its own objects from others'. */
export const namePrefix: string = `t${process.pid}-`;

/** A name nobody else uses. */
export function uniqueName(purpose = 'x'): string {
  return `${namePrefix}${purpose}-${++count}`;
}
