/** A broker in process, and what it is sent: the seeds, which it accepts as they are. */
import { createHash } from 'node:crypto';
import { createAwsCloud } from '../../local/aws/cloud.ts';
import { encodePem } from '../../shared/encoding/pem.ts';
import type { JoinBody } from '../../shared/protocol/join.ts';
import { formatTimestamp } from '../../shared/protocol/values.ts';
import { createScene, iamToken, joinToken } from '../broker/fixtures.ts';
import { heartbeatBody } from '../broker/heartbeat.ts';
import { join, makeJoin } from '../broker/joiner.ts';
import { signIn } from '../broker/operators.ts';
import { createClock } from '../broker/test-broker.ts';
import { joinWith, makeRenewal, makeSecret, makeSecretJoin } from '../broker/token-joiner.ts';

export const SSH_KEY =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEX/DHHul2qA7RNqCfVwPtf42aU1Nc5CAs2ntWNX8XKP somebody@example';

/** What is sent, to `POST /v1/join` unless it says otherwise. */
export interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** Mutants fail by the thousand from one address and one machine, and each is to be read. */
const settings = {
  JOIN_BROKER_FAILED_JOINS_PER_ADDRESS: '0',
  JOIN_BROKER_FAILED_JOINS_PER_MACHINE: '0',
  JOIN_BROKER_UNPROVED_JOINS_PER_ADDRESS: '0',
};

const AWS_ACCOUNT = '111111111111';

export async function createBatch() {
  const clock = createClock();
  const aws = createAwsCloud({ now: clock.now });
  const scene = await createScene({ settings, clock, aws });
  const { api, vm, subscription } = scene;
  const evidence = { document: { digest: 'sha256' } } as const;
  const body = (await makeJoin(api, vm, {
    wish: { ssh_public_key: SSH_KEY },
    evidence,
  })) as JoinBody;
  const { azure } = body;
  if (!azure) throw new Error('no evidence');
  const admin = signIn(api, 'JoinBroker.Admin', 'JoinBroker.AuthorityAdmin');
  await api.put(iamToken(AWS_ACCOUNT));
  const credentials = aws
    .account(AWS_ACCOUNT)
    .role('teleport-bot-role')
    .session('i-0abcdef1234567890');
  return {
    ...{ scene, body, azure, admin, credentials },
    authorization: `Bearer ${admin.accessToken()}`,
    resources: resourceSeeds(subscription.id, api.cloud.roots[0] ?? Buffer.of()),
    explained: explainSeeds(subscription),
  };
}
export type Batch = Awaited<ReturnType<typeof createBatch>>;

/** One of each kind, named `fuzzed`. */
const resourceSeeds = (subscription: string, root: Uint8Array) => {
  const metadata = { name: 'fuzzed' };
  return [
    joinToken({ ...metadata, allow: [{ subscription, resource_groups: ['a'] }] }),
    { kind: 'bot', version: 'v1', metadata, spec: { roles: ['access'] } },
    {
      kind: 'role',
      version: 'v7',
      metadata,
      spec: {
        allow: { logins: ['root', '{{internal.logins}}'] },
        options: { max_session_ttl: '8h' },
      },
    },
    {
      kind: 'lock',
      version: 'v2',
      metadata: { ...metadata, expires: '2027-01-01T00:00:00Z' },
      spec: { target: { bot: 'nobody' } },
    },
    {
      kind: 'azure_root',
      version: 'v1',
      metadata,
      spec: {
        certificate: encodePem('CERTIFICATE', root),
        sha256: createHash('sha256').update(root).digest('hex'),
      },
    },
    {
      kind: 'azure_denied_signer',
      version: 'v1',
      metadata,
      spec: { sha256: '0'.repeat(64), message: 'leaked' },
    },
  ] as readonly { readonly kind: string }[];
};

export const resourceSent = (
  { authorization }: Batch,
  { kind }: { readonly kind: string },
  body: unknown,
  condition: Readonly<Record<string, string>> = { 'if-none-match': '*' },
): Sent => ({
  method: 'PUT',
  path: `/v1/resources/${kind}/fuzzed`,
  headers: { authorization, ...condition },
  body,
});

const explainSeeds = ({ id }: { readonly id: string }): readonly object[] => [
  {
    token: 'example-bot',
    role: 'Bot',
    tenant: '00000000-0000-4000-8000-0000000000aa',
    subscription: id,
    resource_group: 'group1',
    vm_name: 'vm-a',
    scale_set: 'set-a',
    location: 'westeurope',
    identity: '00000000-0000-4000-8000-0000000000ab',
    tags: { env: 'prod' },
  },
  {
    token: 'iam-token',
    aws_account: AWS_ACCOUNT,
    aws_arn: `arn:aws:sts::${AWS_ACCOUNT}:assumed-role/role/i-1`,
  },
  {
    resource_id: `/subscriptions/${id}/resourceGroups/group1/providers/Microsoft.Compute/virtualMachines/vm-a`,
  },
];

/** An operator's call. */
export const acted = (
  { authorization }: Pick<Batch, 'authorization'>,
  path: string,
  body: unknown,
): Sent => ({ path, headers: { authorization }, body });

export async function rotateSeed(batch: Batch): Promise<{ readonly numbers: readonly number[] }> {
  const { body } = await batch.admin.request('GET', '/v1/authorities');
  const { keys } = body as { keys: readonly { authority: string; number: number }[] };
  const mine = keys.filter(({ authority }) => authority === 'ssh-user');
  return { numbers: mine.map(({ number }) => number) };
}

/** Of the keys that are there: nothing is left to be written. */
export async function restoreSeed(batch: Batch): Promise<object> {
  const { body } = await batch.admin.request('GET', '/v1/authorities/backup');
  return { rows: (body as { rows: unknown }).rows, dry_run: true };
}

/** A machine that has joined, and what it says of itself. */
export async function heartbeatSeed({ scene: { api, vm } }: Batch): Promise<Heartbeat> {
  // A machine may not make instances without end.
  api.clock.advance(2);
  const time = formatTimestamp(api.clock.now());
  return heartbeatBody(await join(api, vm), { said: { time } }) as Heartbeat;
}
export interface Heartbeat {
  readonly heartbeat: string;
  readonly certificates: readonly string[];
  readonly proof: string;
}

/** A secret that is good for one join, and that join. */
export async function secretSeed({ scene: { api }, admin }: Batch) {
  await admin.request('DELETE', '/v1/resources/token/robot');
  const secret = await makeSecret(api);
  return { secret, body: makeSecretJoin(secret).body };
}

export interface Renewal {
  readonly request: string;
  readonly proof: string;
}

/** A renewal that was never sent, of a machine of Azure, or of one that has its key alone. */
export interface Renewals {
  azure(): Promise<Renewal>;
  byKey(): Promise<Renewal>;
}

export async function renewalSeeds(batch: Batch): Promise<Renewals> {
  const { api, vm } = batch.scene;
  // A machine may not make instances without end.
  api.clock.advance(2);
  const first = await join(api, vm);
  const { secret } = await secretSeed(batch);
  const attempt = await joinWith(api, secret);
  return {
    azure: async () => (await makeJoin(api, vm, { renews: first })) as Renewal,
    byKey: async () => makeRenewal(api.clock, { secret, attempt }).body as unknown as Renewal,
  };
}
