/** Revocation lists as a broker signs them, each of whose parts a test can change, and the trust under which they are. */
import { verifyTrustBundle } from '../../../agent/trust-bundle.ts';
import { signDetached } from '../../../shared/authority/detached-signature.ts';
import { caPin, makeTrustBundle } from '../../../shared/authority/trust-bundle.ts';
import { encodeBase64 } from '../../../shared/encoding/base64.ts';
import { encodeKrl } from '../../../shared/encoding/krl.ts';
import { encodePem } from '../../../shared/encoding/pem.ts';
import { sshBlob } from '../../../shared/encoding/ssh-public-key.ts';
import type { RevocationLists } from '../../../shared/protocol/revocation.ts';
import { signedPayload } from '../../../shared/protocol/trust.ts';
import { formatTimestamp } from '../../../shared/protocol/values.ts';
import { createListMakers } from '../../shared/authority/list-makers.ts';
import { createAuthorities } from '../authorities.ts';
import { START } from '../clock.ts';

export const HOUR = 3600_000;
const KEY = sshBlob((await createAuthorities(START)).sshUser.publicKey);

/** What is signed. */
export type Body = Omit<RevocationLists, 'signature'>;

/** A list for OpenSSH of these serial numbers. */
export const krlWith = (serials: readonly bigint[], generated = START): string =>
  encodeBase64(
    encodeKrl({
      version: 7,
      generated,
      comment: '',
      authorities: [{ key: KEY, serials, keyIds: [] }],
      keys: [],
    }),
  );

const { issuingCrl } = await createListMakers();
const CRLS = encodePem('X509 CRL', await issuingCrl());

/** Signed lists of a broker whose root is pinned. */
export async function createSignedLists() {
  const authorities = await createAuthorities(START);
  const pin = caPin(authorities.roots[0]?.publicKeyInfo ?? Buffer.of());
  const bundle = makeTrustBundle('test', authorities, START);
  const trust = await verifyTrustBundle(bundle, { pins: [pin], known: undefined, now: START });
  const body: Body = {
    cluster: 'test',
    version: 100,
    this_update: formatTimestamp(START),
    next_update: formatTimestamp(new Date(START.getTime() + 24 * HOUR)),
    tls: { crls: CRLS },
    ssh: { krl: krlWith([]) },
  };
  const signed = (more: Partial<Body> = {}, by = authorities.issuing): RevocationLists => {
    const all = { ...body, ...more };
    return { ...all, signature: signDetached(signedPayload(all), by) };
  };
  return { authorities, pin, trust, body, signed };
}
