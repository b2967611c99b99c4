/** What is counted and checked in a simulated century. */
import { publishedKeys, publishedVersion } from '../../shared/authority/published-keys.ts';
import type { RotationPolicy } from '../../shared/authority/rotation-policy.ts';
import type { KeyDescription } from '../../shared/authority/signing-key.ts';

export interface Figures {
  years: number;
  events: number;
  /** Keys that were made, and SSH certificates that were issued. */
  keys: number;
  certificates: number;
  checks: number;
  crashes: number;
  accidents: number;
  /** Leaks that operators answered, and roots that retired. */
  leaks: number;
  retired: number;
  mostRows: number;
  /** What did not hold, with the second since the start; the first ones only. */
  violations: string[];
}

export const newFigures = (years: number): Figures => ({
  years,
  events: 0,
  keys: 0,
  certificates: 0,
  checks: 0,
  crashes: 0,
  accidents: 0,
  leaks: 0,
  retired: 0,
  mostRows: 0,
  violations: [],
});

/** Counts a check; what it says is kept if it does not hold. */
export type Expect = (holds: boolean, what: () => string) => void;

/** Beside what runs made that died before they removed anything. */
const MOST_ROWS = 13;

/** Whether the table stays small, and the bundle's version grows with every change of the bundle. */
export function watchTable(expect: Expect, policy: RotationPolicy) {
  let last = { version: 0, text: '' };
  return {
    size: (rows: readonly KeyDescription[], madeSinceEnd: number): void =>
      expect(
        rows.length <= MOST_ROWS + madeSinceEnd,
        () => `${rows.length} rows, ${madeSinceEnd} of them since a run got to its end`,
      ),
    bundle(rows: readonly KeyDescription[], at: number): void {
      const version = publishedVersion(rows, policy, at);
      const text = listOf(rows, policy, at);
      expect(version >= last.version, () => `the version fell from ${last.version} to ${version}`);
      expect(
        text === last.text || version > last.version,
        () => `the bundle changed from ${last.text} to ${text} under one version`,
      );
      last = { version, text };
    },
  };
}

const listOf = (rows: readonly KeyDescription[], policy: RotationPolicy, at: number): string =>
  (
    [
      ['tls', 'root'],
      ['ssh-user', 'sign'],
      ['ssh-host', 'sign'],
    ] as const
  )
    .map(([owner, purpose]) =>
      publishedKeys(rows, owner, purpose, policy, at)
        .map(({ sequence }) => sequence)
        .join(),
    )
    .join(';');
