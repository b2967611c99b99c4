import type { SignedTrust } from '../shared/authority/signed-trust.ts';
import { spiffeBundle } from '../shared/authority/spiffe-bundle.ts';
import { Refusal } from '../shared/refusal.ts';
import type { Endpoint, Exchange } from './endpoint.ts';
import { answerList, isListForm, LIST_FORMS } from './revoked.ts';
import { etagOf, unlessKnown } from './unless-known.ts';

const CACHE = { 'cache-control': 'public, max-age=300' };

export const trust: Endpoint = {
  name: 'trust',
  methods: ['GET'],
  route: 'v1/trust',
  async answer({ broker, request }) {
    const { json, etag } = await broker.trust();
    return unlessKnown(request, etag, { body: json, headers: CACHE });
  },
};

/** Other forms, for tools that read one file, and for relying parties that know SPIFFE. */
const FORMS: ReadonlyMap<
  string,
  { readonly type: string; readonly of: (trust: SignedTrust) => string }
> = new Map([
  [
    'tls.pem',
    { type: 'application/x-pem-file', of: ({ bundle }: SignedTrust) => bundle.tls.roots },
  ],
  [
    'ssh-user-ca.pub',
    { type: 'text/plain', of: ({ bundle }: SignedTrust) => lines(bundle.ssh.user_ca) },
  ],
  [
    'ssh-host-ca.pub',
    { type: 'text/plain', of: ({ bundle }: SignedTrust) => lines(bundle.ssh.host_ca) },
  ],
  [
    'spiffe',
    {
      type: 'application/json',
      of: ({ bundle }: SignedTrust) => JSON.stringify(spiffeBundle(bundle)),
    },
  ],
]);

export const trustForm: Endpoint = {
  name: 'trust-form',
  methods: ['GET'],
  route: 'v1/trust/{form}',
  async answer({ broker, request }: Exchange) {
    const asked = request.params['form'] ?? '';
    if (isListForm(asked)) return answerList(asked, { broker, request });
    const form = FORMS.get(asked);
    if (!form) {
      const known = [...FORMS.keys(), ...LIST_FORMS].join(', ');
      throw new Refusal('not_found', `expected one of ${known}, <key identifier>.crl`);
    }
    const body = form.of(await broker.trust());
    return unlessKnown(request, etagOf(body), {
      body,
      headers: { ...CACHE, 'content-type': form.type },
    });
  },
};

const lines = (texts: readonly string[]): string => texts.map((text) => `${text}\n`).join('');
