import { describe, expect, test } from 'vitest';
import {
  policyProblems,
  ROTATION_POLICY,
  type RotationPolicy,
  retirement,
  sshLife,
} from '../../../shared/authority/rotation-policy.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;

test('keys live as long as the documents say', () => {
  expect(ROTATION_POLICY).toEqual({
    root: 315_360_000,
    rootPublication: 2_592_000,
    issuing: 1_209_600,
    issuingRenewal: 604_800,
    issuingPublication: 259_200,
    dataRenewal: 7_776_000,
    dataHandover: 2_592_000,
    leakedHandover: 86_400,
    probe: 172_800,
    probeRenewal: 86_400,
    sshPublication: 604_800,
    sshSigning: 2_592_000,
    longestCertificate: 86_400,
    reloadLag: 86_400,
    bundleRefresh: 3600,
    skew: 300,
  });
  expect(policyProblems(ROTATION_POLICY)).toEqual([]);
});

test('an SSH authority is kept until its last certificate is over for everybody, by every clock', () => {
  expect(retirement(ROTATION_POLICY)).toBe(DAY + DAY + 300);
  expect(sshLife(ROTATION_POLICY)).toBe(30 * DAY + 7 * DAY + 2 * DAY + 300);
});

/** Until everybody has heard of a key, and until its last certificate is over. */
const LEARNING = DAY + HOUR + 300;
const RETIREMENT = 2 * DAY + 300;

describe('a time that is a second too short or too long strands somebody', () => {
  test.each<[keyof RotationPolicy, number, 1 | -1, string]>([
    [
      'sshPublication',
      LEARNING,
      -1,
      `an SSH authority has to be published for at least ${LEARNING} s`,
    ],
    [
      'sshSigning',
      7 * DAY + RETIREMENT + DAY,
      -1,
      `an SSH authority has to sign for at least ${10 * DAY + 300} s`,
    ],
    ['issuingRenewal', 14 * DAY - 3 * DAY - RETIREMENT, 1, 'an issuing key has to outlive'],
    [
      'issuingPublication',
      RETIREMENT,
      -1,
      `an issuing key has to have a list for at least ${RETIREMENT} s`,
    ],
    ['probeRenewal', 2 * DAY - HOUR - 300 - 1, 1, 'a key for the prober has to outlive'],
    ['rootPublication', LEARNING, -1, `a root has to be published for at least ${LEARNING} s`],
    ['dataHandover', 89 * DAY, 1, 'a data key has to live for longer'],
    ['root', 14 * DAY + 1, -1, 'a root has to outlive its issuing keys'],
  ])('%s', (name, limit, second, problem) => {
    expect(policyProblems({ ...ROTATION_POLICY, [name]: limit })).toEqual([]);
    expect(policyProblems({ ...ROTATION_POLICY, [name]: limit + second })).toEqual([
      expect.stringContaining(problem),
    ]);
  });
});
