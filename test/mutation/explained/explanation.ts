/** Why a change that no test notices may be there. */
export interface Explanation {
  /** The line of the code in which the change begins, without the space around it. */
  readonly line: string;
  /** What the changed part became, as Stryker writes it; white space doesn't count. */
  readonly becomes: readonly string[];
  readonly why: string;
}

/** By file. */
export type Explained = Readonly<Record<string, readonly Explanation[]>>;
