/** Up to this many bytes a write to a pipe is all or nothing, and not mixed with others'. Linux: one page of 4 KiB. See pipe(7). */
export const PIPE_BUF = 4096;
