/**
 * The mark by which the broker knows the prober's own joins, so that their denials are not counted as anybody else's. It
 * is a MAC over the very request under a key of its own: nobody else can make one, and a copied one fits no other request.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { ProbeKey } from '../authority/authorities.ts';
import { decodeBase64Url, encodeBase64Url } from '../encoding/base64.ts';

export const PROBE_HEADER = 'x-join-broker-probe';

/** The header's value for a request: the key's sequence number, a dot, the MAC. */
export const makeProbeMark = (request: string, key: ProbeKey): string =>
  `${key.sequence}.${encodeBase64Url(mac(request, key))}`;

const FORM = /^(\d{1,9})\.([A-Za-z0-9_-]{43})$/;

export function isProbeMark(
  mark: string,
  request: string,
  probeKeys: readonly ProbeKey[],
): boolean {
  const [, sequence, encoded = ''] = FORM.exec(mark) ?? [];
  const key = probeKeys.find((known) => String(known.sequence) === sequence);
  const given = decodeBase64Url(encoded);
  return key !== undefined && given !== undefined && timingSafeEqual(given, mac(request, key));
}

const mac = (request: string, { secret }: ProbeKey): Buffer =>
  createHmac('sha256', secret).update(`join-broker-probe\n${request}`).digest();
