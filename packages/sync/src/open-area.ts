/** How a lock gets its memory: a named region of its own, or a place in somebody's region. */
import { fromErrno, IpcError } from '@ipc/core';
import { ofdLock } from '@ipc/native';
import { Region } from '@ipc/shm';
import {
  areaBytes,
  CONTROL_FLAGS,
  CONTROL_KIND,
  CONTROL_LIMIT,
  CONTROL_MAGIC,
  CONTROL_PARTICIPANTS,
  DEFAULT_PARTICIPANTS,
  kinds,
  LAYOUT_VERSION,
  LINE_WORDS,
  MAGIC,
  MAX_PARTICIPANTS,
  SLOTS,
  STATE,
  STATE_OWNER,
  type LockKind,
} from './lock-layout.ts';
import { Participant, type Area } from './participant.ts';

/** What every lock can be opened with. */
export interface LockOptions {
  /** How many objects, in all threads of all processes, can have the lock open at once: 1..254. @default 128 */
  readonly participants?: number | undefined;
  /** Permission bits of a named lock. @default 0o600 */
  readonly mode?: number | undefined;
  /** Keeps the name when the last one closes, whatever the state. @default false */
  readonly keep?: boolean | undefined;
  /** Told to others who ask who holds the lock: up to 20 bytes of UTF-8. */
  readonly label?: string | undefined;
}

/** What a new area is filled with. */
export interface AreaContent {
  readonly kind: LockKind;
  readonly flags: number;
  /** Permits, parties or count: what cannot change once the lock exists. */
  readonly limit: number;
  /** The state words of the kind, from STATE. */
  readonly state?: readonly number[];
  readonly onDeath?: Area['onDeath'];
}

/** An area one takes part in. */
export interface OpenArea {
  /** The file the area lies in. */
  readonly descriptor: number;
  readonly participant: Participant;
  /** Whether this call made the lock. */
  readonly created: boolean;
  /** As the one who made the lock chose them. */
  readonly flags: number;
  /**
   * Leaves. The name goes with the last one, if `isPristine`: a new lock would be no different.
   * Call it once, after everything held was handed on.
   */
  close(isPristine: () => boolean): void;
}

export type Verb = 'create' | 'open' | 'openOrCreate';

const attempts = 1000;

/** Opens a named lock. Throws as {@link Region} and {@link Participant.join} do. */
export function openNamed(verb: Verb, name: string, content: AreaContent, options: LockOptions): OpenArea {
  const participants = checkParticipants(options.participants);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const region = openRegion(verb, name, content, participants, options.mode);
    const area: Area = {
      words: region.words,
      base: 0,
      fileOffset: region.offset,
      descriptor: region.descriptor,
      named: true,
      onDeath: content.onDeath,
    };
    try {
      check(area, content, verb, `${content.kind} "${name}"`);
      const participant = Participant.join(area, options.label ?? '');
      if (participant !== undefined) {
        return {
          participant,
          descriptor: region.descriptor,
          created: region.created,
          flags: Atomics.load(region.words, CONTROL_FLAGS),
          close: (isPristine) => {
            try {
              participant.leave(() => {
                if (options.keep !== true && isPristine() && !region.unlinked)
                  Region.unlink(name, content.kind);
              });
            } finally {
              region.close();
            }
          },
        };
      }
    } catch (error) {
      region.close();
      if (region.created) Region.unlink(name, content.kind, { ifUnused: true });
      throw error;
    }
    region.close(); // its last user was just removing it
    if (verb === 'open') break;
  }
  throw new IpcError('ERR_IPC_NOT_FOUND', `open ${content.kind} "${name}": it is being removed`, { name });
}

/**
 * Takes part in a lock inside a region, at `offset` of its payload; the first to come makes it. The bytes must have been
 * zero before, and belong to the lock alone.
 */
export function openEmbedded(
  region: Region,
  offset: number,
  content: AreaContent,
  options: LockOptions,
): OpenArea {
  const participants = checkParticipants(options.participants);
  if (
    !Number.isInteger(offset) ||
    offset < 0 ||
    offset % 64 !== 0 ||
    offset + areaBytes(participants) > region.bytes
  ) {
    throw new RangeError(
      `offset must be a multiple of 64 with ${areaBytes(participants)} bytes behind it in the region's ${region.bytes}, got ${offset}`,
    );
  }
  const area: Area = {
    words: region.words,
    base: offset / 4,
    fileOffset: region.offset + offset,
    descriptor: region.descriptor,
    named: false,
    onDeath: content.onDeath,
  };
  const created = initialiseOnce(area, content, participants);
  check(area, content, 'openOrCreate', `${content.kind} at ${offset}`);
  const participant = Participant.join(area, options.label ?? '');
  if (participant === undefined)
    throw new IpcError('ERR_IPC_NOT_FOUND', `open ${content.kind} at ${offset}: it was removed`);
  return {
    participant,
    descriptor: region.descriptor,
    created,
    flags: content.flags,
    close: () => {
      participant.leave(() => undefined);
    },
  };
}

function openRegion(
  verb: Verb,
  name: string,
  content: AreaContent,
  participants: number,
  mode: number | undefined,
): Region {
  const identity = { kind: content.kind, version: LAYOUT_VERSION };
  if (verb === 'open') return Region.open(name, identity);
  return Region[verb](name, {
    ...identity,
    ...(mode === undefined ? {} : { mode }),
    bytes: areaBytes(participants),
    initialise: ({ words }) => {
      initialise(words, 0, content, participants);
    },
  });
}

/** The magic comes last: whoever dies on the way leaves an area that the next one initialises. */
function initialise(
  words: Int32Array,
  base: number,
  { kind, flags, limit, state = [] }: AreaContent,
  participants: number,
): void {
  words.fill(0, base, base + SLOTS + participants * LINE_WORDS);
  Atomics.store(words, base + CONTROL_KIND, (LAYOUT_VERSION << 16) | kinds[kind]);
  Atomics.store(words, base + CONTROL_PARTICIPANTS, participants);
  Atomics.store(words, base + CONTROL_FLAGS, flags);
  Atomics.store(words, base + CONTROL_LIMIT, limit);
  Atomics.store(words, base + STATE_OWNER, 0);
  for (const [index, word] of state.entries()) Atomics.store(words, base + STATE + index, word);
  Atomics.store(words, base + CONTROL_MAGIC, MAGIC);
}

function takeByte(descriptor: number, fileOffset: number): boolean {
  try {
    return ofdLock(descriptor, 'exclusive', fileOffset, 1);
  } catch (error) {
    throw fromErrno(error, 'make a lock');
  }
}

/** Initialises an embedded area unless somebody has. The lock of its first byte in the file keeps others out meanwhile. */
function initialiseOnce(area: Area, content: AreaContent, participants: number): boolean {
  const { words, base, descriptor, fileOffset } = area;
  const isInitialised = (): boolean => Atomics.load(words, base + CONTROL_MAGIC) === MAGIC;
  while (!isInitialised()) {
    if (!takeByte(descriptor, fileOffset)) continue; // a few microseconds, or its holder's death
    try {
      if (isInitialised()) return false;
      initialise(words, base, content, participants);
      return true;
    } finally {
      ofdLock(descriptor, 'unlock', fileOffset, 1);
    }
  }
  return false;
}

/** What is there is what was asked for. */
function check({ words, base }: Area, { kind, flags, limit }: AreaContent, verb: Verb, label: string): void {
  if (words.length < base + SLOTS || Atomics.load(words, base + CONTROL_MAGIC) !== MAGIC) {
    throw new IpcError('ERR_IPC_CORRUPT', `${label}: the memory holds no lock`);
  }
  const found = Atomics.load(words, base + CONTROL_KIND);
  const wanted = (LAYOUT_VERSION << 16) | kinds[kind];
  if (found !== wanted) {
    throw new IpcError(
      'ERR_IPC_MISMATCH',
      `${label}: kind and version ${found.toString(16)}, expected ${wanted.toString(16)}`,
    );
  }
  if (verb === 'open') return;
  for (const [what, at, expected] of [
    ['flags', CONTROL_FLAGS, flags],
    ['limit', CONTROL_LIMIT, limit],
  ] as const) {
    const value = Atomics.load(words, base + at);
    if (value !== expected) {
      throw new IpcError(
        'ERR_IPC_MISMATCH',
        `${label} exists with other options: ${what} is ${value}, expected ${expected}`,
      );
    }
  }
}

function checkParticipants(participants = DEFAULT_PARTICIPANTS): number {
  if (!Number.isInteger(participants) || participants < 1 || participants > MAX_PARTICIPANTS) {
    throw new RangeError(
      `participants must be an integer from 1 to ${MAX_PARTICIPANTS}, got ${participants}`,
    );
  }
  return participants;
}
