import type { FileAccess, FileTrust } from './region-file.ts';
import type { RegionIdentity } from './region-header.ts';
import type { RegionMemoryOptions } from './region-memory.ts';
import type { Region } from './region.ts';

/** What a new region is made of. */
export interface RegionOptions extends RegionIdentity, RegionMemoryOptions {
  /** Payload size in bytes; the header comes on top. */
  readonly bytes: number;
  /** Fills the payload, which is all zeros, before anybody else can see it. */
  readonly initialise?: ((region: Region) => void) | undefined;
}

export interface NamedRegionOptions extends RegionOptions, FileAccess, FileTrust {
  /**
   * `kept`: the name stays until `Region.unlink`, or, in /dev/shm, a reboot. `while-open`: it goes with its last user, and
   * what killed users left is taken for absent by the next `openOrCreate`. @default 'kept'
   */
  readonly lifetime?: 'kept' | 'while-open' | undefined;
}

export interface AnonymousRegionOptions extends RegionOptions {
  /**
   * On pages that were set aside with `sysctl vm.nr_hugepages`, of 2 MiB as a rule: fewer translations to look up in large
   * memory. The size is rounded up to whole ones. For a region that others find, give a `path` on a hugetlbfs mount.
   * Source: MFD_HUGETLB in memfd_create(2). @default false
   */
  readonly hugePages?: boolean | undefined;
}

export interface OpenRegionOptions extends RegionIdentity, RegionMemoryOptions, FileTrust {
  /** Maps without write permission: a store then kills the process (SIGSEGV). @default false */
  readonly readOnly?: boolean | undefined;
}
