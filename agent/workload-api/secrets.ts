/**
 * Which secrets Envoy gets for which names: those that SPIRE's agent has by default. `default` is the certificate, `ROOTCA`
 * the authorities of the trust domain, `ALL` those of every trust domain, which is the same here; a SPIFFE ID is the
 * certificate, a trust domain's ID its authorities.
 */
import { encodePem } from '../../shared/encoding/pem.ts';
import { trustDomainOf, type X509Svid } from './messages.ts';
import {
  authoritiesSecret,
  certificateSecret,
  type DiscoveryRequest,
  trustDomainSecret,
} from './secret-messages.ts';

type Envoy = DiscoveryRequest['envoy'];

/** Each name once. `everything`: both, under their IDs. */
export type Wanted = readonly string[] | 'everything';

export type Secrets =
  | { readonly ok: true; readonly secrets: readonly Buffer[] }
  | { readonly ok: false; readonly unknown: readonly string[] };

export function secretsFor(wanted: Wanted, svid: X509Svid, envoy: Envoy): Secrets {
  const domain = trustDomainOf(svid.id);
  const names = wanted === 'everything' ? [svid.id, domain] : wanted;
  const certificate = (name: string) =>
    certificateSecret(name, pemOf(svid.chain), encodePem('PRIVATE KEY', svid.key));
  const authorities = (name: string) => {
    const pem = pemOf(svid.authorities);
    return knowsSpiffe(envoy)
      ? trustDomainSecret(name, domain.slice('spiffe://'.length), pem)
      : authoritiesSecret(name, pem);
  };
  const makers: Readonly<Record<string, (name: string) => Buffer>> = {
    default: certificate,
    [svid.id]: certificate,
    ROOTCA: authorities,
    ALL: authorities,
    [domain]: authorities,
  };
  const unknown = names.filter((name) => !Object.hasOwn(makers, name));
  if (unknown.length > 0) return { ok: false, unknown };
  return { ok: true, secrets: names.flatMap((name) => makers[name]?.(name) ?? []) };
}

/** Since 1.18 Envoy checks by itself that a peer's SPIFFE ID is of the trust domain. */
const knowsSpiffe = (envoy: Envoy): boolean =>
  envoy !== undefined && (envoy.major > 1 || (envoy.major === 1 && envoy.minor >= 18));

const pemOf = (certificates: readonly Uint8Array[]): string =>
  certificates.map((der) => encodePem('CERTIFICATE', der)).join('');
