/** Which channels a child gets, and what this side has of each. */
import type { Channel, GatherOptions, Receiver, Sender } from '@ipc/core';
import type { CapacityOptions } from './capacity.ts';
import type { FormatOptions } from './format.ts';

/** Messages both ways, for a child that calls `inherited`. */
export interface TwoWaySpec extends CapacityOptions {
  readonly direction?: 'both' | undefined;
  /** @default 16 MiB */
  readonly maxMessageBytes?: number | undefined;
  /** When what this side sends leaves; the child says so for itself. @default at the end of each turn of the event loop */
  readonly gather?: GatherOptions | undefined;
}

/** One way, in any format: also for programs that know nothing of this package. */
export interface OneWaySpec extends FormatOptions, CapacityOptions {
  readonly direction: 'to-child' | 'from-child';
  /** Which descriptor it is in the child; 0, 1, 2 are its stdio. @default the first free one from 3 */
  readonly fd?: number | undefined;
}

export type ChannelSpec = TwoWaySpec | OneWaySpec;

/** The parent's end of a channel. */
export type EndOf<S extends ChannelSpec> = S extends { readonly direction: 'to-child' }
  ? Sender
  : S extends { readonly direction: 'from-child' }
    ? Receiver
    : Channel;

/** By name; the name is what the child passes to `inherited`. */
export type ChannelSpecs = Readonly<Record<string, ChannelSpec>>;

/** The parent's ends, by name. */
export type EndsOf<C extends ChannelSpecs> = {
  readonly [Name in keyof C]: EndOf<C[Name]>;
};
