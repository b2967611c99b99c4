/**
 * Every reason for which a join is denied: provoked, shown by `joinctl joins show`, mended by the commands that it prints,
 * and then the machine joins.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import '../broker/matchers.ts';
import { createAwsCloud } from '../../local/aws/cloud.ts';
import type { AwsCredentials } from '../../local/aws/credentials.ts';
import type { EvidenceOptions } from '../../local/azure/machine.ts';
import { DENIAL_REASONS, type DenialReason } from '../../shared/protocol/denial-reason.ts';
import { joinFromAws } from '../broker/aws-joiner.ts';
import { botExample, createScene, joinToken, type Scene } from '../broker/fixtures.ts';
import { HOST } from '../broker/host-scene.ts';
import { type Attempt, certificationRequest, join, joined, newKey } from '../broker/joiner.ts';
import { createClock } from '../broker/test-broker.ts';
import { joinWith, makeSecret, renew } from '../broker/token-joiner.ts';
import { operatorShell } from './operator-shell.ts';

interface World extends Scene {
  readonly aws: AwsCredentials;
}

interface Trouble {
  readonly denied: Attempt;
  /** The machine's next try, when the advice was followed; gets what the commands printed. */
  readonly again: (printed: string) => Promise<Attempt>;
  /** What the operator changes where a command opens an editor. */
  readonly edit?: (yaml: string) => string;
}

type Provoke = (world: World) => Promise<Trouble>;

/** Evidence that nobody gets from Azure: the next try is an honest one. */
const withEvidence =
  (evidence: (world: World) => EvidenceOptions): Provoke =>
  async (world) => ({
    denied: await join(world.api, world.vm, { evidence: evidence(world) }),
    again: () => join(world.api, world.vm),
  });

const withSts =
  (options: Parameters<typeof joinFromAws>[2] | ((world: World) => object)): Provoke =>
  async (world) => ({
    denied: await joinFromAws(
      world.api,
      world.aws,
      typeof options === 'function' ? options(world) : options,
    ),
    again: () => joinFromAws(world.api, world.aws),
  });

/** A secret that the commands printed, which stands alone in a line. */
const secretIn = (printed: string): string => /^ {2}([0-9a-f]{32})$/m.exec(printed)?.[1] ?? '';

const PAST = '2026-11-20T11:00:00Z';

const TROUBLES: Readonly<Record<DenialReason, Provoke>> = {
  access_token_algorithm: withEvidence(() => ({ token: { alg: 'none' } })),
  access_token_audience: withEvidence(() => ({ token: { resource: 'https://vault.azure.net' } })),
  access_token_issuer: withEvidence(() => ({ token: { claims: { iss: 'https://sts.example/' } } })),
  access_token_malformed: withEvidence(() => ({ token: 'not.a.token' })),
  access_token_not_machine: withEvidence(() => ({ token: { claims: { scp: 'user' } } })),
  access_token_signature: withEvidence(() => ({ token: { changedSignature: true } })),
  access_token_tenant: async (world) => {
    const tenant = world.api.cloud.tenant();
    const subscription = tenant.subscription();
    const vm = subscription.virtualMachine('vm-t', { resourceGroup: 'g', systemAssigned: true });
    await world.api.put(joinToken({ allow: [{ subscription: subscription.id }] }));
    const attempt = () => join(world.api, vm);
    return {
      denied: await attempt(),
      again: attempt,
      edit: (yaml) =>
        yaml.replace(/( +)- subscription:/, `$1- tenant: ${tenant.id}\n$1  subscription:`),
    };
  },
  access_token_times: withEvidence(() => ({ token: { claims: { exp: 1 } } })),
  bot_expired: async ({ api, vm }) => {
    const bot = botExample() as { metadata: object };
    await api.put({ ...bot, metadata: { ...bot.metadata, expires: PAST } });
    const attempt = () => join(api, vm);
    return {
      denied: await attempt(),
      again: attempt,
      edit: (yaml) => yaml.replace(PAST, '2027-01-01T00:00:00Z'),
    };
  },
  bot_not_found: async ({ api, vm }) => {
    await api.put(
      joinToken({ name: 'lonely', allow: ALLOW(vm), spec: { bot_name: 'nobody-yet' } }),
    );
    const attempt = () => join(api, vm, { token: 'lonely' });
    return { denied: await attempt(), again: attempt };
  },
  copied_identity: async ({ api }) => {
    const secret = await makeSecret(api);
    const first = await joinWith(api, secret);
    await renew(api, { secret, attempt: first });
    api.clock.advance(400);
    return {
      denied: await renew(api, { secret, attempt: first }),
      again: (printed) => joinWith(api, secretIn(printed)),
    };
  },
  document_chain: withEvidence(({ api }) => ({
    chain: api.cloud.signingChain({ root: 'look_alike' }),
  })),
  document_malformed: withEvidence(() => ({ document: { trailingByte: true } })),
  document_name: withEvidence(({ api }) => ({
    chain: api.cloud.signingChain({ leaf: { dnsNames: ['metadata.azure.example'] } }),
  })),
  document_nonce: withEvidence(() => ({ nonce: '0'.repeat(32) })),
  document_signature: withEvidence(() => ({ document: { changedSignature: true } })),
  document_signer_denied: async ({ api, vm }) => {
    const { certificate } = api.cloud.signingChain().leaf(vm.location);
    const { fingerprint256 } = new X509Certificate(certificate);
    const shell = await operatorShell(api, ['JoinBroker.Admin']);
    await shell.run('azure-signers', 'deny', fingerprint256, '--message=leaked');
    api.clock.advance(6);
    const attempt = () => join(api, vm);
    return { denied: await attempt(), again: attempt };
  },
  document_times: withEvidence(({ api }) => ({
    document: { createdOn: new Date(api.clock.now().getTime() - 3_600_000) },
  })),
  host_name_impossible: async ({ api, subscription }) => {
    await api.put(NODES(subscription.id));
    const vm = subscription.virtualMachine('web.east', {
      resourceGroup: 'group1',
      systemAssigned: true,
    });
    const attempt = () => join(api, vm, HOST);
    return {
      denied: await attempt(),
      again: attempt,
      edit: (yaml) => yaml.replace(/^spec:/m, 'spec:\n  host_names: ["web.{{cluster}}"]'),
    };
  },
  host_name_taken: async ({ api, subscription }) => {
    const names = { host_names: ['{{vm_name}}.{{cluster}}'] };
    await api.put(NODES(subscription.id, names));
    const machine = (resourceGroup: string) =>
      subscription.virtualMachine('web', { resourceGroup, systemAssigned: true });
    expect(await join(api, machine('group1'), HOST)).toBeAdmitted();
    const second = machine('group2');
    const attempt = () => join(api, second, HOST);
    return { denied: await attempt(), again: attempt };
  },
  instance_removed: async ({ api, vm }) => {
    const first = await join(api, vm);
    const { instance_id: id } = joined(first);
    await (await operatorShell(api, ['JoinBroker.Admin'])).run(
      'bots',
      'instances',
      'rm',
      'example',
      id,
    );
    return { denied: await sendAgain(api, first), again: () => join(api, vm) };
  },
  join_method_mismatch: async ({ api, vm, aws }) => ({
    denied: await joinFromAws(api, aws, { token: 'example-bot' }),
    again: () => join(api, vm),
  }),
  join_token_expired: async ({ api, vm }) => {
    await api.put(joinToken({ name: 'old', expires: PAST, allow: ALLOW(vm) }));
    const attempt = () => join(api, vm, { token: 'old' });
    return {
      denied: await attempt(),
      again: attempt,
      edit: (yaml) => yaml.replace(PAST, '2027-01-01T00:00:00Z'),
    };
  },
  join_token_not_found: async ({ api, vm }) => {
    const attempt = () => join(api, vm, { token: 'forgotten' });
    return { denied: await attempt(), again: attempt };
  },
  key_not_possessed: async ({ api, vm }) => ({
    denied: await join(api, vm, { wish: { csr: certificationRequest(newKey(), newKey()) } }),
    again: () => join(api, vm),
  }),
  locked: async ({ api, vm }) => {
    await (await operatorShell(api, ['JoinBroker.Admin'])).run('lock', '--bot=example');
    api.clock.advance(6);
    const attempt = () => join(api, vm);
    return { denied: await attempt(), again: attempt };
  },
  machine_identity: async ({ api, vm, subscription }) => {
    const other = subscription.virtualMachine('vm-b', {
      resourceGroup: 'group1',
      systemAssigned: true,
    });
    const token = other.accessToken({ claims: { xms_mirid: null, xms_az_rid: null } });
    return {
      denied: await join(api, vm, { evidence: { token } }),
      again: () => join(api, vm),
    };
  },
  machine_mismatch: async ({ api, vm, subscription }) => {
    const other = subscription.virtualMachine('vm-b', {
      resourceGroup: 'group1',
      systemAssigned: true,
    });
    return {
      denied: await join(api, vm, { evidence: { token: other.accessToken() } }),
      again: () => join(api, vm),
    };
  },
  machine_not_found: async ({ api, vm }) => ({
    denied: await join(api, vm, {
      evidence: {
        resourceId: vm.resourceId.replace('vm-a', 'vm-gone'),
        token: { claims: { xms_mirid: null, xms_az_rid: null } },
      },
    }),
    again: () => {
      api.clock.advance(6);
      return join(api, vm);
    },
  }),
  other_broker: async ({ api, vm }) => ({
    denied: await join(api, vm, { request: { broker: 'other.example.org' } }),
    again: () => join(api, vm),
  }),
  request_used: async ({ api, vm }) => {
    const first = await join(api, vm);
    api.clock.advance(600);
    const { request } = first.sent as { request: string };
    const nonce = createHash('sha256')
      .update(`join-broker-v1\n${request}`)
      .digest('hex')
      .slice(0, 32);
    const sent = { request, azure: vm.evidence({ nonce }) };
    return { denied: await sendAgain(api, { ...first, sent }), again: () => join(api, vm) };
  },
  role_not_allowed: async ({ api, vm }) => {
    const attempt = () => join(api, vm, { wish: { roles: ['editor'] } });
    return { denied: await attempt(), again: attempt };
  },
  rule_mismatch: async ({ api, subscription }) => {
    const vm = subscription.virtualMachine('vm-b', {
      resourceGroup: 'group2',
      systemAssigned: true,
    });
    const attempt = () => join(api, vm);
    return {
      denied: await attempt(),
      again: attempt,
      edit: (yaml) => yaml.replace('- group1', '- group1\n          - group2'),
    };
  },
  secret_mismatch: async ({ api }) => {
    const secret = await makeSecret(api);
    return {
      denied: await joinWith(api, secret, {
        changedBody: (body) => ({ ...body, secret: '0'.repeat(32) }),
      }),
      again: () => joinWith(api, secret),
    };
  },
  secret_used: async ({ api }) => {
    const secret = await makeSecret(api);
    await joinWith(api, secret);
    return {
      denied: await joinWith(api, secret),
      again: (printed) => joinWith(api, secretIn(printed)),
    };
  },
  sts_denied: async ({ api, aws }) => ({
    denied: await joinFromAws(api, { ...aws, secretAccessKey: 'wrong' }),
    again: () => joinFromAws(api, aws),
  }),
  sts_request_host: withSts({
    bent: (text) => text.replaceAll('sts.amazonaws.com', 'sts.example'),
  }),
  sts_request_malformed: withSts({ bent: (text) => `${text}&RoleArn=a` }),
  sts_request_not_bound: withSts({ digest: () => '0'.repeat(64) }),
  sts_request_times: withSts(({ api }) => ({
    signedAt: new Date(api.clock.now().getTime() - 3_600_000),
  })),
  system_role_mismatch: async ({ api, vm }) => {
    await api.put(NODES(vm.subscription.id));
    return {
      denied: await join(api, vm, { ...HOST, token: 'example-bot' }),
      again: () => join(api, vm, HOST),
    };
  },
  too_many_machines: async ({ api, vm, subscription }) => {
    const allow = [{ subscription: subscription.id }];
    await api.put(joinToken({ allow, spec: { max_machines: 1 } }));
    const other = subscription.virtualMachine('vm-b', {
      resourceGroup: 'group1',
      systemAssigned: true,
    });
    expect(await join(api, other)).toBeAdmitted();
    const attempt = () => join(api, vm);
    return {
      denied: await attempt(),
      again: attempt,
      edit: (yaml) => yaml.replace('max_machines: 1', 'max_machines: 2'),
    };
  },
};

async function sendAgain(api: Scene['api'], { sent, key }: Attempt): Promise<Attempt> {
  return { ...(await api.request('POST', '/v1/join', { body: sent })), sent, key };
}

const ALLOW = (vm: Scene['vm']) => [
  { subscription: vm.subscription.id, resource_groups: ['group1'] },
];

const NODES = (subscription: string, spec: object = {}): object =>
  joinToken({
    name: 'nodes',
    allow: [{ subscription }],
    spec: { roles: ['Node'], bot_name: undefined, ...spec },
  });

async function createWorld(): Promise<World> {
  const clock = createClock();
  const cloud = createAwsCloud({ now: clock.now });
  const scene = await createScene({ clock, aws: cloud });
  await scene.api.put({
    kind: 'token',
    version: 'v2',
    metadata: { name: 'iam-token', expires: '3000-01-01T00:00:00Z' },
    spec: {
      roles: ['Bot'],
      join_method: 'iam',
      bot_name: 'example',
      allow: [{ aws_account: '111111111111' }],
    },
  });
  const account = cloud.account('111111111111');
  return { ...scene, aws: account.role('bot').session('i-1') };
}

/** The commands for an operator that `joins show` printed. */
const commandsIn = (stdout: string): readonly (readonly string[])[] =>
  [...stdout.matchAll(/^ {2}joinctl (.*)$/gm)].map(([, words = '']) => words.split(' '));

test.each(DENIAL_REASONS)(
  '%s is shown with what mends it, and then the machine joins',
  async (reason) => {
    const world = await createWorld();
    const { denied, again, edit } = await TROUBLES[reason](world);
    expect(denied).toBeDenied(world.api, reason);
    await world.api.broker.flush();

    const shell = await operatorShell(world.api, ['JoinBroker.Admin'], {
      editor: async (file) => {
        const yaml = await readFile(file, 'utf8');
        const edited = edit?.(yaml) ?? yaml;
        await writeFile(file, edited);
        // Whoever changes nothing, or makes a mistake, is asked again for ever: here once.
        return edited === yaml || yaml.startsWith('#: This is') === false ? 1 : 0;
      },
    });
    const { request_id: id } = denied.body as { request_id: string };
    const { stdout } = await shell.run('joins', 'show', id);
    expect(stdout).toMatch(new RegExp(`^Reason +${reason}$`, 'm'));
    // Real names everywhere, but for what only the machine, or Azure, knows; and nobody knows as which bot a machine was to
    // join that names no join token of ours.
    const unknown = reason === 'join_token_not_found' ? /<bot>/g : /<config>|<broker identity>/g;
    expect(stdout.replace(unknown, '')).not.toMatch(/<[a-z ]+>/);
    let printed = '';
    for (const command of commandsIn(stdout.replace('<bot>', 'example'))) {
      const outcome = await shell.run(...command);
      expect(outcome).toMatchObject({ code: 0 });
      printed += outcome.stdout;
    }
    world.api.clock.advance(6);
    expect(await again(printed)).toBeAdmitted();
  },
);
