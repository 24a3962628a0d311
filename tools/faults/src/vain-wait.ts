/** One wait that ended because its time was over, or should have. */
export interface VainWait {
  readonly what: string;
  readonly timeoutMs: number;
  readonly tookMs: number;
  /** What came of it instead of nothing. */
  readonly wrong: string | undefined;
}
