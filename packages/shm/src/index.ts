/**
 * Shared memory between processes.
 *
 * @packageDocumentation
 */
export { Region } from './region.ts';
export type {
  AnonymousRegionOptions,
  NamedRegionOptions,
  OpenRegionOptions,
  RegionOptions,
} from './region.ts';
export type { FileOwner } from './region-file.ts';
export type { LayoutIdentity, RegionIdentity } from './region-header.ts';
export type { RegionName } from './region-place.ts';
export type { RegionInfo } from './region-list.ts';
export { RingMemory, ringBytes } from './ring-layout.ts';
export { RingWriter } from './ring-writer.ts';
export { RingReader } from './ring-reader.ts';
export type { Claim } from './claim.ts';
export { ring } from './ring.ts';
export type { RingOptions } from './ring.ts';
export { layout } from './layout.ts';
export type { Fields, FieldType, Layout, Struct, StructPlace } from './layout.ts';
export { LatestReader, type ReadLatestOptions } from './latest-reader.ts';
export { LatestWriter, type LatestOptions } from './latest-writer.ts';
export { Counters, CountersReader } from './counters.ts';
export type { CounterInfo, CountersOptions } from './counters.ts';
export type { Counter, Gauge } from './counter.ts';
export { Publisher } from './broadcast-publisher.ts';
export type { BroadcastOptions } from './broadcast-publisher.ts';
export { Subscriber } from './broadcast-subscriber.ts';
export type { SubscribeOptions } from './broadcast-subscriber.ts';
export { Producer } from './queue-producer.ts';
export { Consumer } from './queue-consumer.ts';
export type { ConsumeOptions } from './queue-consumer.ts';
export type { SlotOptions } from './slot-memory.ts';
export { MpscSender } from './mpsc-sender.ts';
export { MpscReceiver } from './mpsc-receiver.ts';
export { formatMpsc } from './mpsc-memory.ts';
export type { MpscOptions } from './mpsc-memory.ts';
export { mpscBytes } from './mpsc-layout.ts';
export type { MpscShape } from './mpsc-layout.ts';
export { SharedMap } from './shared-map.ts';
export type { SharedMapOptions } from './shared-map.ts';
export type { SharedMapEntry } from './map-entries.ts';
export type { NumberField } from './map-number.ts';
export { LoanPublisher } from './loan-publisher.ts';
export type { LoanOptions } from './loan-publisher.ts';
export { LoanReceiver } from './loan-receiver.ts';
export type { BorrowOptions } from './loan-receiver.ts';
export type { Borrowed, Loan } from './loan.ts';

export { waitAnySync } from './wait-any-sync.ts';
export type { BlockingSource } from './wait-any-sync.ts';

// For those who build a structure of their own in a region.
export { ownedCopy } from './owned-copy.ts';
export { setBytes } from './set-bytes.ts';
export { Spin } from './spin.ts';
export type { CopySource } from './owned-copy.ts';
