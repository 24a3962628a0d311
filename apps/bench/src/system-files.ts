import { readdirSync, readFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';

/** What the kernel tells in files under /proc and /sys; what it does not tell is `null`. */
export class SystemFiles {
  readonly #root: string;

  /** @param root - Where they are; elsewhere than at `/` for tests. */
  constructor(root = '/') {
    this.#root = root;
  }

  text(path: string): string | null {
    try {
      return readFileSync(join(this.#root, path), 'utf8').trim();
    } catch {
      return null;
    }
  }

  number(path: string): number | null {
    const text = this.text(path);
    return text === null || text === '' || Number.isNaN(Number(text)) ? null : Number(text);
  }

  /** Names in a directory; none where there is no such one. */
  list(path: string): string[] {
    try {
      return readdirSync(join(this.#root, path)).sort();
    } catch {
      return [];
    }
  }

  /** The size of the file system there. */
  capacityBytes(path: string): number | null {
    try {
      const { bsize, blocks } = statfsSync(join(this.#root, path));
      return bsize * blocks;
    } catch {
      return null;
    }
  }
}
