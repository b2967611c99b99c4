/**
 * Certificates that live, bundles that relying parties hold, and whether each verifies with each. One relying party has a root
 * that a person gave it, and never reads the bundle.
 */
import { publishedKeys } from '../../shared/authority/published-keys.ts';
import type { RotationPolicy } from '../../shared/authority/rotation-policy.ts';
import type { KeyDescription, KeyOwner } from '../../shared/authority/signing-key.ts';
import type { Expect } from './checks.ts';

export type SshOwner = 'ssh-user' | 'ssh-host';
export const SSH_OWNERS: readonly SshOwner[] = ['ssh-user', 'ssh-host'];
type Owner = SshOwner | 'tls';

interface Certificate {
  readonly owner: Owner;
  /** Of the key that signed it: an SSH authority, or an issuing key. */
  readonly sequence: number;
  /** An issuing key had a list before it signed: whoever checks lists knows it. */
  readonly isListed?: boolean;
  /** Any of these authorities is enough to know: the root, or the older one that certified it. */
  readonly under: readonly number[];
  readonly until: number;
}

interface Bundle {
  readonly fetched: number;
  /** `undefined` since a leak of it was answered: then a relying party has to read the bundle again. */
  readonly listed: Record<Owner, readonly number[] | undefined>;
  /** Issuing keys with a revocation list, which was read along with the bundle. */
  readonly issuers: readonly number[];
}

export interface RelyingParties {
  issued(certificate: Certificate, now: number): void;
  /** A relying party takes the bundle of an instance with these keys, whose clock says `at`. */
  fetched(party: number, keys: readonly KeyDescription[], at: number, now: number): void;
  /** A person gives the one that reads no bundle this root. */
  pinned(root: number, now: number): void;
  /** A key's row is about to be removed. */
  removing(owner: KeyOwner, sequence: number, now: number): void;
  /** A leak of these keys was answered: what they signed is given up. `owner` has another authority now. */
  leaked(owner: KeyOwner, sequences: readonly number[], changesBundle: boolean): void;
}

export function createRelyingParties(expect: Expect, policy: RotationPolicy): RelyingParties {
  const certificates = new Set<Certificate>();
  const bundles = new Map<number, Bundle>();
  const ended = new Set<string>();
  let pin: number | undefined;

  function check(
    { owner, sequence, under, until }: Certificate,
    bundle: Bundle,
    now: number,
  ): void {
    if (until < now || now > bundle.fetched + policy.bundleRefresh) return;
    const listed = bundle.listed[owner];
    if (!listed) return;
    expect(
      under.some((authority) => listed.includes(authority)),
      () =>
        `a certificate of ${owner}/${sequence} does not verify with a bundle of ${now - bundle.fetched} s ago`,
    );
  }

  /** A row that is lost later takes its list along: that is no rotation's doing. */
  function checkListed({ sequence }: Certificate, { fetched, issuers }: Bundle, now: number): void {
    expect(
      issuers.includes(sequence) || now > fetched + policy.bundleRefresh,
      () => `tls/${sequence} signs, and has no list among those of ${now - fetched} s ago`,
    );
  }

  function checkPin({ owner, sequence, under, until }: Certificate, now: number): void {
    if (owner !== 'tls' || until < now || pin === undefined) return;
    const known = pin;
    expect(
      under.includes(known),
      () => `a certificate of ${owner}/${sequence} does not verify under the pinned root ${known}`,
    );
  }

  return {
    issued(certificate, now) {
      const { owner, sequence } = certificate;
      expect(
        !ended.has(`${owner}/${sequence}`),
        () => `${owner}/${sequence} signs after its leak was answered`,
      );
      certificates.add(certificate);
      checkPin(certificate, now);
      for (const bundle of bundles.values()) {
        check(certificate, bundle, now);
        if (certificate.isListed) checkListed(certificate, bundle, now);
      }
    },
    fetched(party, keys, at, now) {
      const numbers = (owner: Owner): number[] =>
        publishedKeys(keys, owner, owner === 'tls' ? 'root' : 'sign', policy, at).map(
          ({ sequence }) => sequence,
        );
      const listed = {
        'ssh-user': numbers('ssh-user'),
        'ssh-host': numbers('ssh-host'),
        tls: numbers('tls'),
      };
      for (const [owner, sequences] of Object.entries(listed))
        for (const sequence of sequences)
          expect(
            !ended.has(`${owner}/${sequence}`),
            () => `${owner}/${sequence} is published after its leak was answered`,
          );
      const issuers = keys
        .filter(({ purpose, expires }) => purpose === 'issuing' && expires > at)
        .map(({ sequence }) => sequence);
      const bundle = { fetched: now, listed, issuers };
      bundles.set(party, bundle);
      for (const certificate of certificates) {
        if (certificate.until < now) certificates.delete(certificate);
        else check(certificate, bundle, now);
      }
    },
    pinned(root, now) {
      pin = root;
      for (const certificate of certificates) checkPin(certificate, now);
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
    leaked(owner, sequences, changesBundle) {
      for (const sequence of sequences) ended.add(`${owner}/${sequence}`);
      for (const certificate of certificates)
        if (
          certificate.owner === owner &&
          [certificate.sequence, ...certificate.under].some((one) => sequences.includes(one))
        )
          certificates.delete(certificate);
      if (!changesBundle) return;
      if (owner === 'tls') pin = undefined;
      for (const { listed } of bundles.values())
        if (owner === 'tls' || owner === 'ssh-user' || owner === 'ssh-host')
          listed[owner] = undefined;
    },
  };
}
