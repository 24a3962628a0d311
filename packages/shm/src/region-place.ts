import { dirname, resolve } from 'node:path';
import { objectNameOf } from '@ipc/core';
import { checkKind } from './region-header.ts';

/** Where regions live that have a name. */
export const regionDirectory = '/dev/shm';

/**
 * Which region: by its name, in /dev/shm; or by the path of a file of its own, whose content outlives a reboot.
 *
 * A path on a hugetlbfs mount gives a region on huge pages, one on another tmpfs a region with limits of its own.
 */
export type RegionName = string | { readonly path: string };

/** A region's file. */
export interface RegionPlace {
  /** `undefined` when the region is a file of its own. */
  readonly name: string | undefined;
  readonly path: string;
  readonly folder: string;
  /** For messages. */
  readonly label: string;
}

/** @throws {TypeError} A malformed name, kind or path. */
export function placeOf(where: RegionName, kind: string): RegionPlace {
  checkKind(kind);
  if (typeof where === 'string') {
    const path = regionDirectory + objectNameOf(where, kind);
    return { name: where, path, folder: regionDirectory, label: `region "${where}"` };
  }
  const given: unknown = (where as { readonly path?: unknown } | null | undefined)?.path;
  if (typeof given !== 'string' || given === '' || given.includes('\0')) {
    throw new TypeError(
      `invalid region ${JSON.stringify(where)}: expected a name, or { path } with the path of a file`,
    );
  }
  const path = resolve(given);
  return { name: undefined, path, folder: dirname(path), label: `region ${path}` };
}
