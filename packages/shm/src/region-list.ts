import { constants, fstatSync, readdirSync } from 'node:fs';
import { fromErrno, isIpcError } from '@ipc/core';
import * as native from '@ipc/native';
import { letGo } from '@ipc/socket';
import { readHeader, unlinkIfUnused } from './region-file.ts';
import type { RegionHeader } from './region-header.ts';
import { regionDirectory } from './region-place.ts';

/** What is known of a named region without opening it. */
export interface RegionInfo {
  readonly name: string;
  readonly kind: string;
  /** Payload size. */
  readonly bytes: number;
  readonly generation: string;
  /** For people: the process may be gone, and its id may be another's by now. */
  readonly creatorPid: number;
  /** Who owns it. */
  readonly uid: number;
  readonly lifetime: 'kept' | 'while-open';
  /** Whether any process has it open: the kernel's word. */
  readonly inUse: boolean;
}

const fileName = /^ipc-([A-Za-z0-9][A-Za-z0-9._-]{0,63})\.([a-z][a-z0-9-]{0,15})$/;

/** All named regions, in /dev/shm, that this process may read. What has such a name and is no region, or a damaged one, is left out. */
export function listRegions(): RegionInfo[] {
  return regionFiles(constants.O_RDONLY, (fd, _path, info) =>
    info.nlink > 0 ? infoOf(info, fd) : undefined,
  );
}

/** Removes the `while-open` regions that killed users left; returns what was removed. */
export function reclaimRegions(): RegionInfo[] {
  return regionFiles(constants.O_RDWR, (fd, path, found) => {
    if (!found.header.whileOpen || found.nlink === 0) return undefined;
    const info = infoOf(found, fd);
    return !info.inUse && unlinkIfUnused(fd, path) ? info : undefined;
  });
}

interface Found {
  readonly name: string;
  readonly header: RegionHeader;
  readonly uid: number;
  readonly nlink: number;
}

function infoOf({ name, header, uid }: Found, fd: number): RegionInfo {
  return {
    name,
    kind: header.kind,
    bytes: header.bytes,
    generation: header.generation,
    creatorPid: header.creatorPid,
    uid,
    lifetime: header.whileOpen ? 'while-open' : 'kept',
    inUse: native.ofdHolder(fd, 'exclusive', 0, 1),
  };
}

function regionFiles(
  access: number,
  visit: (fd: number, path: string, found: Found) => RegionInfo | undefined,
): RegionInfo[] {
  const infos: RegionInfo[] = [];
  for (const entry of readdirSync(regionDirectory)) {
    const [, name, kind] = fileName.exec(entry) ?? [];
    if (name === undefined) continue;
    const path = `${regionDirectory}/${entry}`;
    let fd: number;
    try {
      fd = native.open(path, access | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch {
      continue; // gone meanwhile, or another user's
    }
    try {
      const header = readHeader(fd, `region "${name}"`);
      const { uid, nlink } = fstatSync(fd);
      const info = header.kind === kind ? visit(fd, path, { name, header, uid, nlink }) : undefined;
      if (info !== undefined) infos.push(info);
    } catch (error) {
      if (!isIpcError(error)) throw fromErrno(error, 'list regions', name);
    } finally {
      letGo(fd);
    }
  }
  return infos;
}
