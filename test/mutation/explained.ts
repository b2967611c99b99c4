/**
 * The changes that no test can notice, or that none needs to, with the reason. A change that is explained here and that
 * no longer survives is an error, too.
 */
export interface Explanation {
  /** The line of the code in which the change begins, without the space around it. */
  readonly line: string;
  /** What the changed part became, as Stryker writes it; white space doesn't count. */
  readonly becomes: readonly string[];
  readonly why: string;
}

/** By file. */
export const EXPLAINED: Readonly<Record<string, readonly Explanation[]>> = {
  'shared/attestation/azure/certificate-path.ts': [
    {
      line: 'const { intermediates, roots, at, isKnownSignature = () => false } = options;',
      becomes: ['() => undefined'],
      why: 'undefined is as false as false',
    },
    {
      line: 'if (!child) return undefined;',
      becomes: ['false'],
      why: 'a path always has its signer: the line is for the type',
    },
    {
      line: 'if (basicConstraints.pathLength !== undefined && basicConstraints.pathLength < below) {',
      becomes: ['true'],
      why: 'undefined is less than no number: the comparison is for the type',
    },
  ],
};
