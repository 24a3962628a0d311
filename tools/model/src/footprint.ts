/**
 * What a step touches: words of memory, objects of the kernel, the scenario's record. Two steps of different parties come to
 * the same in either order unless one of them changes what the other looks at.
 */

/**
 * How an object is touched: `adds` is a change that comes to the same in any order with others of its kind, but not with a look.
 */
type Touch = 'reads' | 'adds' | 'writes';

let current: Footprint | undefined;

export class Footprint {
  readonly #touched = new Map<number | string, Touch>();

  add(object: number | string, how: Touch): void {
    const known = this.#touched.get(object);
    this.#touched.set(object, known === undefined || known === how ? how : 'writes');
  }

  isInTheWayOf(other: Footprint): boolean {
    for (const [object, how] of this.#touched) {
      const theirs = other.#touched.get(object);
      if (theirs !== undefined && (how === 'writes' || theirs !== how)) return true;
    }
    return false;
  }

  /** Whether anything is different behind it. */
  get changes(): boolean {
    for (const how of this.#touched.values()) if (how !== 'reads') return true;
    return false;
  }

  /** Collects what `work` touches. */
  during<Value>(work: () => Value): Value {
    const outer = current;
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- whoever is at work is the current one, as the party is
    current = this;
    try {
      return work();
    } finally {
      current = outer;
    }
  }
}

/** Whoever runs now touches an object: a word by its number, all else by name. */
export function touches(object: number | string, how: Touch): void {
  current?.add(object, how);
}
