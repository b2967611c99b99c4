/** How long keys live, and what those times have to be to each other. */

/** All in seconds. */
export interface RotationPolicy {
  readonly root: number;
  /** How long a root's successor is published before it signs: relying parties that learn of it by hand need time. */
  readonly rootPublication: number;
  readonly issuing: number;
  /** Age at which an issuing key gets its successor. */
  readonly issuingRenewal: number;
  /** How long an issuing key has a revocation list before it signs: who checks lists refuses a key whose list he hasn't read. */
  readonly issuingPublication: number;
  /** Age at which the data key gets its successor. */
  readonly dataRenewal: number;
  /** How long what a data key encrypted may be read after its successor was made: the timer may be late. */
  readonly dataHandover: number;
  /** The same where it leaked. */
  readonly leakedHandover: number;
  readonly probe: number;
  readonly probeRenewal: number;
  /** How long an SSH authority is published before it signs: relying parties learn of it meanwhile. */
  readonly sshPublication: number;
  /** How long an SSH authority signs until its successor does. */
  readonly sshSigning: number;
  /** The longest life of any certificate. */
  readonly longestCertificate: number;
  /** The longest time that a function instance works with keys that it has read. */
  readonly reloadLag: number;
  /** After which relying parties ask for the trust bundle again. */
  readonly bundleRefresh: number;
  /** How much clocks may differ. */
  readonly skew: number;
}

const HOUR = 3600;
const DAY = 24 * HOUR;

export const ROTATION_POLICY: RotationPolicy = {
  root: 10 * 365 * DAY,
  rootPublication: 30 * DAY,
  issuing: 14 * DAY,
  issuingRenewal: 7 * DAY,
  issuingPublication: 3 * DAY,
  dataRenewal: 90 * DAY,
  dataHandover: 30 * DAY,
  leakedHandover: DAY,
  probe: 2 * DAY,
  probeRenewal: DAY,
  sshPublication: 7 * DAY,
  sshSigning: 30 * DAY,
  longestCertificate: DAY,
  reloadLag: DAY,
  bundleRefresh: HOUR,
  skew: 300,
};

/** How long an SSH authority is kept after its successor has begun to sign: until its last certificate is over for everybody. */
export const retirement = (policy: RotationPolicy): number =>
  policy.longestCertificate + policy.reloadLag + policy.skew;

/** The whole life of an SSH authority from when it signs. A successor that comes a publication too late still finds it signing. */
export const sshLife = (policy: RotationPolicy): number =>
  policy.sshSigning + policy.sshPublication + retirement(policy);

/** Which of the times don't fit each other; none for a policy that strands nobody. */
export function policyProblems(policy: RotationPolicy): string[] {
  const { reloadLag, bundleRefresh, skew, issuingPublication } = policy;
  const learning = reloadLag + bundleRefresh + skew;
  const rules: readonly (readonly [boolean, string])[] = [
    [
      policy.sshPublication >= learning,
      `an SSH authority has to be published for at least ${learning} s: everybody must have heard of it before it signs`,
    ],
    [
      policy.sshSigning >= policy.sshPublication + retirement(policy) + DAY,
      `an SSH authority has to sign for at least ${policy.sshPublication + retirement(policy) + DAY} s: its predecessor must be gone before its successor is made`,
    ],
    [
      policy.issuing - policy.issuingRenewal >= issuingPublication + retirement(policy),
      'an issuing key has to outlive the making of its successor by more than its publication and the longest certificate',
    ],
    [
      // Lists are good for as long as the longest certificate: who goes by them has read them again by then.
      issuingPublication >= retirement(policy),
      `an issuing key has to have a list for at least ${retirement(policy)} s: everybody who checks lists must have read it before it signs`,
    ],
    [
      policy.probe - policy.probeRenewal > HOUR + skew,
      'a key for the prober has to outlive the making of its successor',
    ],
    [
      policy.rootPublication >= learning,
      `a root has to be published for at least ${learning} s before it signs`,
    ],
    [
      policy.dataRenewal >= policy.dataHandover + DAY,
      'a data key has to live for longer than what its predecessor encrypted may be read',
    ],
    [policy.root > policy.issuing, 'a root has to outlive its issuing keys'],
  ];
  return rules.filter(([holds]) => !holds).map(([, problem]) => problem);
}
