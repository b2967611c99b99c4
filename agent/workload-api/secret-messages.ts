/**
 * The messages of Envoy's secret discovery service: discovery.proto (envoy.service.discovery.v3), base.proto
 * (envoy.config.core.v3), secret.proto, common.proto and tls_spiffe_validator_config.proto
 * (envoy.extensions.transport_sockets.tls.v3) of github.com/envoyproxy/envoy.
 */
import { message, type ReadMessage, readMessage } from './wire.ts';

/** `DiscoveryRequest`, as far as it matters here. */
export interface DiscoveryRequest {
  /** Of Envoy itself; absent where it doesn't say. Only the first request of a stream has to. */
  readonly envoy: { readonly major: number; readonly minor: number } | undefined;
  readonly names: readonly string[];
  readonly type: string;
  /** Of the response that this is the answer to; empty in the first request of a stream. */
  readonly nonce: string;
  /** Why the response with this nonce was not taken. */
  readonly error: string | undefined;
}

/** Throws a `RangeError` for what is no message, or has text that is none. */
export function readDiscoveryRequest(bytes: Buffer): DiscoveryRequest {
  const request = readMessage(bytes, [2, 3, 4, 5, 6]);
  const error = request.bytes(6).at(-1);
  return {
    envoy: envoyOf(request),
    names: request.bytes(3).flatMap((name) => utf8(name) || []),
    type: textOf(request, 4),
    nonce: textOf(request, 5),
    error: error && textOf(readMessage(error, [2]), 2),
  };
}

/** `Node.user_agent_build_version.version`. */
function envoyOf(request: ReadMessage): DiscoveryRequest['envoy'] {
  const inner = (of: ReadMessage | undefined, number: number, kept: readonly number[]) => {
    const bytes = of?.bytes(number).at(-1);
    return bytes && readMessage(bytes, kept);
  };
  const version = inner(inner(inner(request, 2, [8]), 8, [1]), 1, []);
  return version && { major: version.number(1), minor: version.number(2) };
}

/** The last one, as the standard has it; empty where there is none. */
const textOf = (from: ReadMessage, number: number): string => utf8(from.bytes(number).at(-1));

const UTF8 = new TextDecoder('utf-8', { fatal: true });

function utf8(bytes: Buffer | undefined): string {
  try {
    return UTF8.decode(bytes);
  } catch (cause) {
    throw new RangeError('a text is not UTF-8', { cause });
  }
}

/** `DiscoveryResponse`. */
export const discoveryResponse = (
  version: string,
  nonce: string,
  secrets: readonly Buffer[],
): Buffer =>
  message([
    [1, version],
    ...secrets.map((secret) => [2, anyOf(SECRET_TYPE, secret)] as const),
    [4, SECRET_TYPE],
    ...(nonce === '' ? [] : [[5, nonce] as const]),
  ]);

/** `google.protobuf.Any`. */
const anyOf = (type: string, content: Buffer): Buffer =>
  message([
    [1, type],
    [2, content],
  ]);

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';
export const SECRET_TYPE = `${TLS}.Secret`;

/** `DataSource` with `inline_bytes`. */
const inline = (pem: string): Buffer => message([[2, pem]]);

/** `Secret` with a `TlsCertificate`. Both are PEM. */
export const certificateSecret = (name: string, chain: string, key: string): Buffer =>
  message([
    [1, name],
    [
      2,
      message([
        [1, inline(chain)],
        [2, inline(key)],
      ]),
    ],
  ]);

/** `Secret` with a `CertificateValidationContext`: whoever has a certificate of these authorities. */
export const authoritiesSecret = (name: string, authorities: string): Buffer =>
  message([
    [1, name],
    [4, message([[1, inline(authorities)]])],
  ]);

/** The same with Envoy's own validator of SPIFFE IDs, which also asks for one of this trust domain. */
export const trustDomainSecret = (name: string, domain: string, authorities: string): Buffer => {
  const validator = message([
    [
      1,
      message([
        [1, domain],
        [2, inline(authorities)],
      ]),
    ],
  ]);
  const extension = message([
    [1, 'envoy.tls.cert_validator.spiffe'],
    [2, anyOf(`${TLS}.SPIFFECertValidatorConfig`, validator)],
  ]);
  return message([
    [1, name],
    [4, message([[12, extension]])],
  ]);
};
