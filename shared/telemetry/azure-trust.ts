/**
 * When what vouches for Azure's documents ends: pinned roots, added ones, and the authorities above the youngest signer.
 * Told once a day each, and as a warning of `/readyz`.
 */
import { createHash, X509Certificate } from 'node:crypto';
import type { KnownCertificates } from '../attestation/azure/known-certificates.ts';
import type { Call } from '../call.ts';
import { parseCertificate } from '../encoding/certificate.ts';
import { onceForEach } from '../first-use.ts';
import type { Dimensions } from './metrics.ts';
import type { AzureTrustEvent, Telemetry } from './telemetry.ts';

type Anchor = Dimensions<'azure_trust_days_left'>['anchor'];

/** A root that an operator added: its resource's name, and its certificate. */
export interface NamedRoot {
  readonly name: string;
  readonly certificate: { readonly der: Uint8Array };
}

export interface Ending {
  readonly anchor: Anchor;
  readonly name: string;
  readonly sha256: string;
  readonly expires: Date;
}

export interface AzureTrustWatch {
  /** The same certificates; what is verified is looked at. */
  signers(known: KnownCertificates): KnownCertificates;
  /** A document of good signature came that this added root alone explains. */
  used(root: NamedRoot): void;
  /** All that may end, the first ones of each kind measured and told. */
  look(added: readonly NamedRoot[], call?: Pick<Call, 'requestId' | 'log'>): readonly Ending[];
}

const DAY_MS = 24 * 3600 * 1000;
const WARNED_DAYS = 90;

export function watchAzureTrust(
  pinned: readonly Uint8Array[],
  telemetry: Telemetry,
  now: () => Date,
): AzureTrustWatch {
  const roots = pinned.map((der) => endingOf('pinned', der));
  const told = new Map<string, number>();
  let youngest = Number.NEGATIVE_INFINITY;
  let newestChain: Ending | undefined;

  function tell(
    finding: AzureTrustEvent['finding'],
    { anchor, name, sha256, expires }: Ending,
    { requestId, log }: Pick<Call, 'requestId' | 'log'> = { requestId: 'none' },
  ): void {
    const day = Math.floor(now().getTime() / DAY_MS);
    const key = `${finding} ${sha256}`;
    if (told.get(key) === day) return;
    told.set(key, day);
    const event = { event: 'azure_trust', finding, anchor, name, sha256 } as const;
    telemetry.audit({ ...event, expires: expires.toISOString() }, requestId, log);
  }

  return {
    signers: (known) => ({
      ...known,
      remember(path) {
        known.remember(path);
        const [signer, ...authorities] = path;
        if (!signer) return;
        const isYounger = signer.notBefore.getTime() > youngest;
        youngest = Math.max(youngest, signer.notBefore.getTime());
        telemetry.measure('newest_chain_age_days', (now().getTime() - youngest) / DAY_MS, {});
        const [first] = authorities.toSorted((a, b) => +a.notAfter - +b.notAfter);
        if (isYounger && first) newestChain = endingOf('newest_chain', first.der);
      },
    }),
    used({ name, certificate }) {
      telemetry.measure('documents_by_added_root', 1, {});
      tell('added_root_used', { ...endingOf('added', certificate.der), name });
    },
    look(added, call) {
      const all = [
        ...roots,
        ...added.map(({ name, certificate }) => ({ ...endingOf('added', certificate.der), name })),
        ...(newestChain ? [newestChain] : []),
      ];
      for (const [anchor, some] of Map.groupBy(all, (ending) => ending.anchor)) {
        const left = Math.min(...some.map((ending) => daysLeft(ending, now())));
        telemetry.measure('azure_trust_days_left', left, { anchor });
      }
      for (const ending of all.filter((one) => endsSoon(one, now())))
        tell(ending.expires > now() ? 'ends_soon' : 'ended', ending, call);
      return all;
    },
  };
}

const daysLeft = ({ expires }: Ending, at: Date): number => (+expires - +at) / DAY_MS;

/** From 90 days before its end on. */
export const endsSoon = (ending: Ending, at: Date): boolean => daysLeft(ending, at) < WARNED_DAYS;

/** What `/readyz` says, to anybody: which kind, and no names. */
export function warningsOf(endings: readonly Ending[], at: Date): readonly string[] {
  const kinds = new Set(endings.filter((one) => endsSoon(one, at)).map(({ anchor }) => anchor));
  return [...kinds].map((kind) => `${WARNINGS[kind]} within ${WARNED_DAYS} days`);
}

const WARNINGS: Readonly<Record<Anchor, string>> = {
  pinned: "a pinned root of Azure's attested documents ends",
  added: "an added root of Azure's attested documents ends",
  newest_chain: "an authority above Azure's newest signer ends",
};

const endingOf = (anchor: Anchor, der: Uint8Array): Ending => ({ anchor, ...endOf(der) });

/** Of the same bytes every time, each is parsed once: `/readyz`, which anybody may ask, looks at all of them. */
const endOf = onceForEach((der: Uint8Array) => {
  const { notAfter } = parseCertificate(der);
  return {
    name: subjectOf(der),
    sha256: createHash('sha256').update(der).digest('hex'),
    expires: notAfter,
  };
});

/** As it is shown. A name that OpenSSL can't read hides no end. */
function subjectOf(der: Uint8Array): string {
  try {
    const { subject } = new X509Certificate(der);
    return /^CN=(.*)$/m.exec(subject)?.[1] ?? subject.replaceAll('\n', ', ');
  } catch {
    return 'a name that can not be read';
  }
}
