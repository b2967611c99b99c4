/** Certificates that live, bundles that relying parties hold, and whether each verifies with each. */
import { publishedKeys } from '../../shared/authority/published-keys.ts';
import type { RotationPolicy } from '../../shared/authority/rotation-policy.ts';
import type { KeyDescription, KeyOwner } from '../../shared/authority/signing-key.ts';
import type { Expect } from './checks.ts';

export type SshOwner = 'ssh-user' | 'ssh-host';
export const SSH_OWNERS: readonly SshOwner[] = ['ssh-user', 'ssh-host'];

interface Certificate {
  readonly owner: SshOwner;
  readonly sequence: number;
  readonly until: number;
}

interface Bundle {
  readonly fetched: number;
  readonly listed: Readonly<Record<SshOwner, readonly number[]>>;
}

export interface RelyingParties {
  issued(certificate: Certificate, now: number): void;
  /** A relying party takes the bundle of an instance with these keys, whose clock says `at`. */
  fetched(party: number, keys: readonly KeyDescription[], at: number, now: number): void;
  /** A key's row is about to be removed. */
  removing(owner: KeyOwner, sequence: number, now: number): void;
}

export function createRelyingParties(expect: Expect, policy: RotationPolicy): RelyingParties {
  const certificates = new Set<Certificate>();
  const bundles = new Map<number, Bundle>();

  function check({ owner, sequence, until }: Certificate, bundle: Bundle, now: number): void {
    if (until < now || now > bundle.fetched + policy.bundleRefresh) return;
    expect(
      bundle.listed[owner].includes(sequence),
      () =>
        `a certificate of ${owner}/${sequence} does not verify with a bundle of ${now - bundle.fetched} s ago`,
    );
  }

  return {
    issued(certificate, now) {
      certificates.add(certificate);
      for (const bundle of bundles.values()) check(certificate, bundle, now);
    },
    fetched(party, keys, at, now) {
      const numbers = (owner: SshOwner): number[] =>
        publishedKeys(keys, owner, 'sign', policy, at).map(({ sequence }) => sequence);
      const listed = { 'ssh-user': numbers('ssh-user'), 'ssh-host': numbers('ssh-host') };
      const bundle = { fetched: now, listed };
      bundles.set(party, bundle);
      for (const certificate of certificates) {
        if (certificate.until < now) certificates.delete(certificate);
        else check(certificate, bundle, now);
      }
    },
    removing(owner, sequence, now) {
      for (const certificate of certificates)
        expect(
          certificate.owner !== owner ||
            certificate.sequence !== sequence ||
            certificate.until < now,
          () => `${owner}/${sequence} was removed while a certificate of it lives`,
        );
    },
  };
}
