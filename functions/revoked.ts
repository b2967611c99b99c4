/** The forms of the revocation lists among those of the trust bundle. */
import { Refusal, unavailable } from '../shared/refusal.ts';
import type { Lists } from '../shared/revocation/make-lists.ts';
import type { Answer, Exchange } from './endpoint.ts';
import { etagOf, unlessKnown } from './unless-known.ts';

/** All in one, signed, for agents; PEM of every authority's list; OpenSSH's form. */
export const LIST_FORMS = ['revoked', 'tls.crl', 'ssh.krl'] as const;

/** An authority's list by its key identifier, DER. */
const OF_ONE = /^([0-9a-f]{40})\.crl$/;

/** A lock is on them within a minute: whatever stands between keeps them for a part of it. */
const CACHE = { 'cache-control': 'public, max-age=15' };

export const isListForm = (form: string): boolean =>
  (LIST_FORMS as readonly string[]).includes(form) || OF_ONE.test(form);

export async function answerList(
  form: string,
  { broker, request }: Pick<Exchange, 'broker' | 'request'>,
): Promise<Answer> {
  const lists = await broker.lists.current();
  if (form === 'revoked')
    return unlessKnown(request, lists.etag, { body: lists.json, headers: CACHE });
  const { body, type } = plainForm(form, lists);
  return unlessKnown(request, etagOf(body), { body, headers: { ...CACHE, 'content-type': type } });
}

function plainForm(
  form: string,
  { pem, krl, crls }: Lists,
): { readonly body: string | Uint8Array; readonly type: string } {
  if (form === 'ssh.krl') return { body: krl, type: 'application/octet-stream' };
  if (form === 'tls.crl') {
    // Whoever checks a whole chain believes nobody without the root's list: half of the lists would be worse than none.
    if (pem === undefined) throw unavailable("the root's revocation list is not signed yet", 60);
    return { body: pem, type: 'application/x-pem-file' };
  }
  const der = crls.get(OF_ONE.exec(form)?.[1] ?? '');
  if (!der)
    throw new Refusal('not_found', 'no authority that lives has this key identifier and a list');
  return { body: der, type: 'application/pkix-crl' };
}
