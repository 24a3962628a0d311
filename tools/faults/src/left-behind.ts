import { readdirSync } from 'node:fs';

/** Descriptors this process has open, and one to count them. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** What stands in a folder and has `name` in its name. */
export function namesIn(folder: string, name: string): readonly string[] {
  return readdirSync(folder).filter((entry) => entry.includes(name));
}
