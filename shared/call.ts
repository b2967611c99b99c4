/** One request to the broker, as its audit lines tell of it. */
export interface Call {
  readonly requestId: string;
  /** The client's address, where it is known. */
  readonly client?: string | undefined;
  /** The prober's mark, as it came. */
  readonly probe?: string | undefined;
  /** The invocation's own logger. */
  readonly log?: ((line: string) => void) | undefined;
}
