/**
 * Join method `token`: a secret that is good for one first join. What follows is proved by the instance's key alone, so a
 * renewal has no evidence, and a copy of the key is looked for (copied-identity.ts).
 */
import type { JoinRequest } from '../../protocol/join.ts';
import { instanceIdOfSecret, referenceOf } from '../../protocol/join-secret.ts';
import { badInput, denied } from '../../refusal.ts';
import { specOf } from '../../resources/join-token-spec.ts';
import type { KeptFacts } from '../../storage/instances.ts';
import { type JoinMethod, NO_NAME_FACTS } from './method.ts';

interface Examined {
  /** `sha256:` and the hash of the secret. */
  readonly reference: string;
  /** The secret came along. */
  readonly isFirst: boolean;
}

type TokenFacts = KeptFacts & { readonly method: 'token'; readonly secret: string };

export const tokenMethod: JoinMethod<Examined, TokenFacts> = {
  freshSeconds: undefined,
  firstInstanceId: ({ request }) => instanceIdOfSecret(request.token),
  usedReason: 'secret_used',

  examine({ secret }, { request }) {
    if (request.instance) {
      checkRenewal(request, secret);
    } else if (secret === undefined) {
      throw badInput({ field: 'secret', message: 'expected the secret of the join token' });
    } else if (referenceOf(secret) !== request.token) {
      throw denied('secret_mismatch', 'the secret is not the one that the request names');
    }
    return { reference: request.token, isFirst: request.instance === undefined };
  },

  checkTrusted() {
    // A secret, or a key, rests on nothing but itself.
  },

  provesLocally: true,
  machineOf: () => undefined,

  checkCouldMatch({ isFirst }, _, report) {
    // There is nothing else to match. Who has the secret is known; its hash is read by others, too, and proves nothing.
    if (isFirst) report({ known: true });
  },

  mayBe: ({ reference }, kept) => kept.method === 'token' && kept['secret'] === reference,

  async prove({ reference }, joinToken) {
    if (`sha256:${specOf(joinToken, 'token').secret_sha256}` !== reference)
      throw denied('secret_mismatch', 'the join token has another secret');
    return { method: 'token', secret: reference };
  },

  decide() {
    // Whoever has the secret, or the key of the instance that it made, is admitted.
  },

  joinsOften: false,

  lockTargets: () => ({}),

  hostOf: (_, instanceId) => ({
    machine: `token:${instanceId}`,
    incarnation: '',
    facts: NO_NAME_FACTS,
  }),
};

function checkRenewal({ time, instance }: JoinRequest, secret: string | undefined): void {
  if (secret !== undefined) {
    throw badInput({ field: 'secret', message: 'expected none: a renewal is proved by its key' });
  }
  if (time === undefined)
    throw badInput({ field: 'request.time', message: 'expected the time of the renewal' });
  if (instance?.key === undefined) {
    throw badInput({
      field: 'request.instance.key',
      message: 'expected the instance key: base64 of its SubjectPublicKeyInfo',
    });
  }
}
