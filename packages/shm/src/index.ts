/**
 * Shared memory between processes.
 *
 * @packageDocumentation
 */
export { Region } from './region.ts';
export type { NamedRegionOptions, OpenRegionOptions, RegionOptions } from './region.ts';
export type { RegionIdentity } from './region-header.ts';
