/** Finds the locks of this machine: in regions of their own, and embedded in anybody's named region. */
import { closeSync, constants, openSync, readdirSync, readSync } from 'node:fs';
import {
  areaBytes,
  CONTROL_KIND,
  CONTROL_PARTICIPANTS,
  kinds,
  LAYOUT_VERSION,
  LINE_WORDS,
  MAGIC,
  MAX_PARTICIPANTS,
  type LockKind,
} from './lock-layout.ts';

/** A lock as it was a moment ago. */
export interface FoundArea {
  /** The region's name and kind, `ledger.mutex`; with the offset in its payload of an embedded lock, `table.users+4096`. */
  readonly label: string;
  readonly kind: LockKind;
  /** A copy of its words, one by one: they may not belong together. */
  readonly words: Int32Array;
  /** Index of its first word in the region's payload. */
  readonly base: number;
  /** The region's file, open for reading while the area is visited. */
  readonly descriptor: number;
  readonly fileOffset: number;
}

const directory = '/dev/shm';
const regionFile = /^ipc-(.+\.[a-z][a-z0-9-]*)$/;
/** Where the payload of a region begins in its file: region.md. */
const PAYLOAD_OFFSET = 128;
const chunkBytes = 1 << 20;

/**
 * Visits every lock that the caller may read.
 *
 * It reads the files, and maps nothing: a file that shrinks meanwhile, and pages that were never touched, do no harm.
 * Cost: three system calls for each region, one for each lock and one for each MiB.
 */
export function visitAreas(visit: (area: FoundArea) => void): void {
  const chunk = new Int32Array(chunkBytes / 4);
  for (const file of readdirSync(directory)) {
    const label = regionFile.exec(file)?.[1];
    if (label === undefined) continue;
    let descriptor: number;
    try {
      descriptor = openSync(
        `${directory}/${file}`,
        constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
      );
    } catch {
      continue; // removed meanwhile, or another user's
    }
    try {
      for (let start = PAYLOAD_OFFSET; ; start += chunkBytes) {
        const found = readSync(descriptor, chunk, 0, chunkBytes, start);
        for (let at = 0; at < found / 4; at += LINE_WORDS) {
          if (chunk[at] !== MAGIC) continue;
          const area = readArea(descriptor, label, start + at * 4);
          if (area !== undefined) visit(area);
        }
        if (found < chunkBytes) break;
      }
    } finally {
      closeSync(descriptor);
    }
  }
}

/** The area at an offset where one seems to begin. */
function readArea(descriptor: number, label: string, fileOffset: number): FoundArea | undefined {
  const words = new Int32Array(areaBytes(MAX_PARTICIPANTS) / 4);
  const bytes = readSync(descriptor, words, 0, words.byteLength, fileOffset);
  const version = (words[CONTROL_KIND] ?? 0) >>> 16;
  const number = (words[CONTROL_KIND] ?? 0) & 0xffff;
  const kind = (Object.keys(kinds) as LockKind[]).find((each) => kinds[each] === number);
  const participants = words[CONTROL_PARTICIPANTS] ?? 0;
  if (version !== LAYOUT_VERSION || kind === undefined) return undefined;
  if (participants < 1 || participants > MAX_PARTICIPANTS || bytes < areaBytes(participants))
    return undefined;
  const offset = fileOffset - PAYLOAD_OFFSET;
  return {
    label: offset === 0 ? label : `${label}+${offset}`,
    kind,
    words,
    base: offset / 4,
    descriptor,
    fileOffset,
  };
}
