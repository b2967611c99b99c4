/** A joiner with a secret, written from the protocol: join method `token`. */
import { createHash, createPublicKey, type KeyObject, randomUUID, sign } from 'node:crypto';
import { type Attempt, CLUSTER, certificationRequest, joined, newKey } from './joiner.ts';
import { signIn } from './operators.ts';
import type { Answer, Api, Clock, TestBroker } from './test-broker.ts';

export interface SecretOptions {
  readonly name?: string;
  /** Seconds from now until the join token ends. */
  readonly life?: number;
  readonly spec?: object;
}

/** Has the broker make a join token for bot `example`, and gives its secret. */
export async function makeSecret(
  api: TestBroker,
  { name = 'robot', life = 3600, spec }: SecretOptions = {},
): Promise<string> {
  const expires = new Date(api.clock.now().getTime() + life * 1000).toISOString();
  const answer = await signIn(api, 'JoinBroker.Admin').request(
    'PUT',
    `/v1/resources/token/${name}`,
    {
      body: {
        kind: 'token',
        version: 'v2',
        metadata: { name, expires },
        spec: { roles: ['Bot'], bot_name: 'example', join_method: 'token', ...spec },
      },
      headers: { 'if-none-match': '*' },
    },
  );
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  return (answer.body as { secret: string }).secret;
}

const referenceOf = (secret: string): string =>
  `sha256:${createHash('sha256').update(secret).digest('hex')}`;

export interface SecretJoin {
  readonly key?: KeyObject;
  readonly request?: Readonly<Record<string, unknown>>;
  readonly wish?: Readonly<Record<string, unknown>>;
  readonly changedBody?: (body: Record<string, unknown>) => unknown;
}

/** A first join with a secret. */
export async function joinWith(
  api: Api,
  secret: string,
  options: SecretJoin = {},
): Promise<Attempt> {
  const { body, key } = makeSecretJoin(secret, options);
  return send(api, body, key, options);
}

/** The body of such a join, not sent yet. */
export function makeSecretJoin(
  secret: string,
  options: SecretJoin = {},
): {
  readonly body: { readonly request: string; readonly secret: string };
  readonly key: KeyObject;
} {
  const key = options.key ?? newKey();
  const request = JSON.stringify({
    broker: CLUSTER,
    id: randomUUID(),
    token: referenceOf(secret),
    join_method: 'token',
    certificates: [{ name: 'identity', csr: certificationRequest(key), ...options.wish }],
    ...options.request,
  });
  return { body: { request, secret }, key };
}

export interface Renewal extends SecretJoin {
  /** What the agent's clock says. */
  readonly time?: Date;
  readonly proofKey?: KeyObject;
  readonly instance?: Readonly<Record<string, unknown>>;
}

/** What a machine knows of itself, and what a copy of its state directory knows. */
export interface Identity {
  readonly secret: string;
  readonly attempt: Attempt;
}

/** Renews by the key alone, as whoever has this identity. */
export async function renew(
  api: Api & { readonly clock: Clock },
  { secret, attempt }: Identity,
  options: Renewal = {},
): Promise<Attempt> {
  const { body, key } = makeRenewal(api.clock, { secret, attempt }, options);
  return send(api, body, key, options);
}

export function makeRenewal(
  clock: Clock,
  { secret, attempt }: Identity,
  options: Renewal = {},
): { readonly body: Record<string, unknown>; readonly key: KeyObject } {
  const key = options.key ?? newKey();
  const { instance_id: id, generation } = joined(attempt);
  const proofKey = options.proofKey ?? attempt.key;
  const spki = createPublicKey(attempt.key).export({ format: 'der', type: 'spki' });
  const request = JSON.stringify({
    broker: CLUSTER,
    id: randomUUID(),
    token: referenceOf(secret),
    join_method: 'token',
    time: `${(options.time ?? clock.now()).toISOString().slice(0, 19)}Z`,
    instance: { id, generation, key: spki.toString('base64'), ...options.instance },
    certificates: [{ name: 'identity', csr: certificationRequest(key), ...options.wish }],
    ...options.request,
  });
  const message = Buffer.from(`join-broker-v1\n${request}`);
  return { body: { request, proof: sign('sha256', message, proofKey).toString('base64') }, key };
}

async function send(
  api: Api,
  body: Record<string, unknown>,
  key: KeyObject,
  { changedBody }: SecretJoin,
): Promise<Attempt> {
  const sent = changedBody?.(body) ?? body;
  const answer: Answer = await api.request('POST', '/v1/join', { body: sent });
  return { ...answer, sent, key };
}
