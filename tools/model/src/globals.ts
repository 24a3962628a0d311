import { modelAtomics, viewing } from './shared-memory.ts';

/** What the code under test gets instead of the globals that reach shared memory. */
export const sharedGlobals: Readonly<Record<string, unknown>> = {
  Atomics: modelAtomics,
  Int32Array: viewing(Int32Array),
  Uint8Array: viewing(Uint8Array),
  Uint32Array: viewing(Uint32Array),
};
