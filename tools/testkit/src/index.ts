/** Conformance suites, peers in real processes, faults and leak checks. Private: for this repository's own tests. */
export { expectBytes, pattern } from './bytes.ts';
export { channelConformance, connectedPair } from './channel-conformance.ts';
export type { ChannelConformanceOptions, ChannelPair } from './channel-conformance.ts';
export { fill } from './fill.ts';
export { findFailures } from './find-failures.ts';
export type { Failures } from './find-failures.ts';
export { halfConformance } from './half-conformance.ts';
export type { HalfFacts, HalfPair } from './half-conformance.ts';
export { noLeaks, resources } from './leaks.ts';
export { queueConformance } from './queue-conformance.ts';
export type { QueueEngine, TestedQueue } from './queue-conformance.ts';
export { python } from './python.ts';
export { numbered } from './run-peer.ts';
export { spawnPeer } from './spawn-peer.ts';
export type { Peer, PeerExit } from './spawn-peer.ts';
export { namePrefix, uniqueName } from './unique-name.ts';
