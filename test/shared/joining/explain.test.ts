/** What would happen to a machine: each test changes one thing of what is known of it, or of the resources. */
import { describe, expect, test } from 'vitest';
import type { MachineDescription } from '../../../shared/attestation/azure/machine-directory.ts';
import { type ExplainParts, explain } from '../../../shared/joining/explain.ts';
import type { ExplainRequest, Explanation } from '../../../shared/protocol/explain.ts';
import type { JoinRecord } from '../../../shared/protocol/join-record.ts';
import { unavailable } from '../../../shared/refusal.ts';
import type { JoinToken } from '../../../shared/resources/join-token.ts';
import type { AnyResource } from '../../../shared/resources/resource.ts';
import type { Snapshot } from '../../../shared/storage/resources.ts';
import { bot, joinToken, lock, role, SUBSCRIPTION } from '../resources/samples.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const HOUR = 3600;
const IDENTITY = 'abcdefab-3333-3333-3333-abcdefabcdef';
const access = role({ logins: ['{{internal.logins}}'] });
const RESOURCES: readonly AnyResource[] = [joinToken, bot, access];

const snapshotOf = (resources: readonly AnyResource[]): Snapshot => {
  const get = (kind: string, name: string) =>
    resources.find((one) => one.kind === kind && one.metadata.name === name);
  const all = (kind: string) => resources.filter((one) => one.kind === kind);
  return { get, all, joinToken: (name: string) => get('token', name) } as unknown as Snapshot;
};

const partsOf = (
  resources: readonly AnyResource[],
  change: Partial<ExplainParts> = {},
): ExplainParts => ({
  resources: { snapshot: async () => snapshotOf(resources) },
  machineDirectory: { read: async () => undefined },
  findJoin: async () => undefined,
  naming: { cluster: 'test.example.org', domains: [] },
  defaultSeconds: HOUR,
  maxSeconds: 24 * HOUR,
  now: () => NOON,
  ...change,
});

const FACTS: ExplainRequest = {
  token: 'example-bot',
  subscription: SUBSCRIPTION,
  resource_group: 'group1',
};
const told = (
  facts: ExplainRequest = FACTS,
  resources = RESOURCES,
  change: Partial<ExplainParts> = {},
): Promise<Explanation> => explain(facts, partsOf(resources, change));
const stepOf = (found: Explanation, name: string) => found.steps.find(({ step }) => step === name);

/** The join token with another specification; `undefined` leaves a field out. */
const tokenWith = (spec: object, metadata: object = {}): JoinToken =>
  ({
    ...joinToken,
    metadata: { ...joinToken.metadata, ...metadata },
    spec: { ...joinToken.spec, ...spec },
  }) as JoinToken;
const allowing = (...allow: readonly object[]): JoinToken => tokenWith({ azure: { allow } });
const beside = (token: JoinToken): readonly AnyResource[] => [token, bot, access];

test('a refusal that has no reason has none in its step', async () => {
  const joinToken = () => {
    throw unavailable('storage is down');
  };
  const resources = { snapshot: async () => ({ ...snapshotOf([]), joinToken }) };
  expect(await told(FACTS, RESOURCES, { resources })).toEqual({
    verdict: 'denied',
    steps: [{ step: 'join token', result: 'denied', detail: 'storage is down' }],
  });
});

test('a machine that would be admitted is told so, step by step', async () => {
  expect(await told()).toEqual({
    verdict: 'admitted',
    steps: [
      { step: 'join token', result: 'ok', detail: 'example-bot, join method azure, for Bot' },
      { step: 'allow rules', result: 'ok', detail: 'rule 1 admits it' },
      { step: 'bot or host', result: 'ok', detail: 'bot:example' },
      { step: 'locks', result: 'ok', detail: 'none is on it' },
      {
        step: 'certificate',
        result: 'ok',
        detail:
          'roles access; logins root, deploy; until 2026-11-20T13:00:00Z at the latest, if no lifetime is asked for',
      },
    ],
  });
});

describe('the join token', () => {
  test('that there is not ends it', async () => {
    for (const token of ['nosuch', undefined])
      expect(await told({ ...FACTS, token })).toEqual({
        verdict: 'denied',
        steps: [
          {
            step: 'join token',
            result: 'denied',
            reason: 'join_token_not_found',
            detail: `there is no join token ${token ?? ''}`,
          },
        ],
      });
  });

  test('that is over denies, and all else is told', async () => {
    const over = tokenWith({}, { expires: '2026-11-20T12:00:00Z' });
    const found = await told(FACTS, beside(over));
    expect(found.verdict).toBe('denied');
    expect(found.steps.map(({ step }) => step)).toEqual([
      'join token',
      'allow rules',
      'bot or host',
      'locks',
      'certificate',
    ]);
    expect(stepOf(found, 'join token')).toMatchObject({ reason: 'join_token_expired' });
  });

  test('is told with all its roles, and may be for another one', async () => {
    const both = tokenWith({ roles: ['Bot', 'Node'] });
    expect(stepOf(await told(FACTS, beside(both)), 'join token')).toMatchObject({
      detail: 'example-bot, join method azure, for Bot, Node',
    });
    expect(stepOf(await told({ ...FACTS, role: 'Node' }), 'join token')).toMatchObject({
      result: 'denied',
      reason: 'system_role_mismatch',
    });
  });

  test('that limits machines says so', async () => {
    const limited = await told(FACTS, beside(tokenWith({ max_machines: 3 })));
    expect(stepOf(limited, 'machines')).toEqual({
      step: 'machines',
      result: 'ok',
      detail: 'at most 3 at once: how many live is not looked at',
    });
  });
});

describe('its allow rules', () => {
  const rules = async (facts: object, ...allow: readonly object[]) => {
    const found = await told({ token: 'example-bot', ...facts }, beside(allowing(...allow)));
    return { verdict: found.verdict, ...stepOf(found, 'allow rules') };
  };

  test('name the one that admits', async () => {
    const other = { subscription: '22222222-2222-2222-2222-222222222222' };
    expect(
      await rules({ subscription: SUBSCRIPTION }, other, { subscription: SUBSCRIPTION }),
    ).toMatchObject({ verdict: 'admitted', detail: 'rule 2 admits it' });
  });

  test('say what is not known of each, where that decides', async () => {
    expect(
      await rules(
        { subscription: SUBSCRIPTION },
        { subscription: SUBSCRIPTION, resource_groups: ['a'] },
        { subscription: SUBSCRIPTION, vm_names: ['b'] },
      ),
    ).toMatchObject({
      verdict: 'unknown',
      result: 'unknown',
      detail: expect.stringMatching(/^rule 1: .* is not known; rule 2: .* is not known$/),
    });
  });

  test('deny what can not match, whatever else is known', async () => {
    const groups = ['a', 'b'].map((name) => ({
      subscription: SUBSCRIPTION,
      resource_groups: [name],
    }));
    expect(
      await rules({ subscription: SUBSCRIPTION, resource_group: 'c' }, ...groups),
    ).toMatchObject({
      verdict: 'denied',
      reason: 'rule_mismatch',
      detail: expect.stringMatching(
        /^no rule of join token example-bot admits it: rule 1: .*; rule 2: /,
      ),
    });
  });

  test.each<[string, object, object, object]>([
    ['tenant', { tenant: SUBSCRIPTION }, { tenant: SUBSCRIPTION }, { tenant: 'x' }],
    ['name', { vm_names: ['web-*'] }, { vm_name: 'web-1' }, { vm_name: 'db-1' }],
    ['scale set', { scale_sets: ['set'] }, { scale_set: 'set' }, { scale_set: 'other' }],
    ['region', { locations: ['westeurope'] }, { location: 'westeurope' }, { location: 'eastus' }],
    ['tags', { tags: { a: 'b' } }, { tags: { a: 'b' } }, { tags: { a: 'c' } }],
    [
      'identity',
      { managed_identities: [IDENTITY] },
      { identity: IDENTITY.toUpperCase() },
      { identity: 'other' },
    ],
  ])('are held against its %s', async (_, rule, fits, differs) => {
    const known = { subscription: SUBSCRIPTION, resource_group: 'group1' };
    const narrow = { subscription: SUBSCRIPTION, ...rule };
    expect(await rules({ ...known, ...fits }, narrow)).toMatchObject({ result: 'ok' });
    expect(await rules({ ...known, ...differs }, narrow)).toMatchObject({ result: 'denied' });
    expect(await rules(known, narrow)).toMatchObject({ result: 'unknown' });
  });

  test('of a secret admit whoever has it', async () => {
    const secret = tokenWith({ join_method: 'token', azure: undefined });
    expect(stepOf(await told(FACTS, beside(secret)), 'allow rules')).toMatchObject({
      result: 'ok',
      detail: 'whoever has the secret',
    });
  });

  describe('of AWS', () => {
    const iam = tokenWith({
      join_method: 'iam',
      azure: undefined,
      allow: [{ aws_account: '222222222222' }, { aws_account: '111111111111' }],
    });
    const arn = 'arn:aws:sts::111111111111:assumed-role/role/i-1';
    const ofAws = async (facts: ExplainRequest) => {
      const found = await told({ token: 'example-bot', ...facts }, beside(iam));
      return { verdict: found.verdict, ...stepOf(found, 'allow rules') };
    };

    test('admit by account and ARN', async () => {
      expect(await ofAws({ aws_account: '111111111111', aws_arn: arn })).toMatchObject({
        verdict: 'admitted',
        detail: 'rule 2 admits it',
      });
    });

    test('deny another account', async () => {
      expect(await ofAws({ aws_account: '333333333333', aws_arn: arn })).toMatchObject({
        verdict: 'denied',
        detail:
          'no rule of join token example-bot admits it: allow[0].aws_account; allow[1].aws_account',
      });
    });

    test.each([[{ aws_account: '111111111111' }], [{ aws_arn: arn }], [{}]])(
      'say nothing of %j alone',
      async (facts) => {
        expect(await ofAws(facts)).toMatchObject({
          verdict: 'unknown',
          result: 'unknown',
          detail: 'account and ARN are not both known',
        });
      },
    );
  });
});

describe('a lock denies', () => {
  const VM_ID = '33333333-3333-3333-3333-abcdefabcdef';
  const arn = 'arn:aws:sts::111111111111:assumed-role/role/i-1';
  test.each<[string, object, object]>([
    ['its join token', { join_token: 'example-bot' }, {}],
    ['its bot', { bot: 'example' }, {}],
    ['the machine', { machine: VM_ID }, { vm_id: VM_ID }],
    ['its identity', { identity: VM_ID }, { identity: VM_ID.toUpperCase() }],
    ['its ARN', { aws_arn: arn }, { aws_arn: arn }],
  ])('where it is on %s', async (_, target, facts) => {
    const locked = [...RESOURCES, lock({ target } as never)];
    const found = await told({ ...FACTS, ...facts }, locked);
    expect(found.verdict).toBe('denied');
    expect(stepOf(found, 'locks')).toMatchObject({ result: 'denied', reason: 'locked' });
  });

  test('not where it is on something else', async () => {
    const locked = [...RESOURCES, lock({ target: { machine: VM_ID } })];
    expect((await told(FACTS, locked)).verdict).toBe('admitted');
  });

  test('where there is no bot, too', async () => {
    const locked = [joinToken, access, lock({ target: { join_token: 'example-bot' } })];
    const found = await told(FACTS, locked);
    expect(found.steps.map(({ step, result }) => `${step}: ${result}`)).toEqual([
      'join token: ok',
      'allow rules: ok',
      'bot or host: denied',
      'locks: denied',
    ]);
  });
});

describe('the certificate', () => {
  const certificate = async (resources: readonly AnyResource[], change?: Partial<ExplainParts>) =>
    stepOf(await told(FACTS, resources, change), 'certificate');

  test('of a bot without roles and logins says so', async () => {
    const bare = { ...bot, spec: { ...bot.spec, roles: [] } };
    expect(await certificate([joinToken, bare])).toMatchObject({
      detail: expect.stringMatching(/^roles no role; logins none; until /),
    });
  });

  test('of a bot names all its roles', async () => {
    const other = { ...role({ logins: ['app'] }), metadata: { name: 'other' } };
    const both = { ...bot, spec: { ...bot.spec, roles: ['access', 'other'] } };
    expect(await certificate([joinToken, both, access, other])).toMatchObject({
      detail: expect.stringMatching(/^roles access, other; logins root, deploy, app; /),
    });
  });

  test.each<[string, JoinToken, Partial<ExplainParts>, string]>([
    ['as long as by default', joinToken, { defaultSeconds: 2 * HOUR }, '14:00'],
    [
      'no longer than the broker allows',
      joinToken,
      { defaultSeconds: 9 * HOUR, maxSeconds: HOUR },
      '13:00',
    ],
    ['no longer than the join token allows', tokenWith({ max_ttl: '30m' }), {}, '12:30'],
    [
      'no longer than the join token',
      tokenWith({}, { expires: '2026-11-20T12:20:00Z' }),
      {},
      '12:20',
    ],
    [
      'longer than a join token that is good for the first join only',
      tokenWith({ join_method: 'token', azure: undefined }, { expires: '2026-11-20T12:20:00Z' }),
      {},
      '13:00',
    ],
  ])('lasts %s', async (_, token, change, end) => {
    expect(await certificate(beside(token), change)).toMatchObject({
      detail: expect.stringContaining(`until 2026-11-20T${end}:00Z at the latest`),
    });
  });

  test('that can not be is denied', async () => {
    expect(await certificate([joinToken, bot])).toMatchObject({
      result: 'denied',
      reason: 'role_not_allowed',
    });
  });

  test('of a host is for names that are attested', async () => {
    const node = tokenWith({ roles: ['Node'], bot_name: undefined });
    const found = await told({ ...FACTS, role: 'Node' }, [node]);
    expect(stepOf(found, 'bot or host')).toMatchObject({ detail: 'host:Node' });
    expect(stepOf(found, 'certificate')).toMatchObject({
      detail: 'for the names that its join token makes of verified facts',
    });
  });
});

test('an error of our own is not told as a denial', async () => {
  const broken = {
    get all() {
      throw new TypeError('ours');
    },
    get: () => joinToken,
    joinToken: () => joinToken,
  };
  const resources = { snapshot: async () => broken as unknown as Snapshot };
  await expect(told(FACTS, RESOURCES, { resources })).rejects.toThrow('ours');
});

describe('an attempt of the join log', () => {
  const compute = `/subscriptions/${SUBSCRIPTION}/resourcegroups/group1/providers/microsoft.compute`;
  const record = (change: Partial<JoinRecord> = {}): JoinRecord => ({
    request_id: '01a1fa95-c122-7a58-aa32-c69cc852cfc7',
    time: '2026-11-20T11:00:00Z',
    outcome: 'denied',
    join_token: 'example-bot',
    system_role: 'Bot',
    subscription: SUBSCRIPTION,
    resource_id: `${compute}/virtualmachines/vm-a`,
    ...change,
  });
  const asked: string[] = [];
  const ofAttempt = (found: JoinRecord | undefined, resources = RESOURCES) =>
    told({ join: 'its id' }, resources, {
      async findJoin(id) {
        asked.push(id);
        return found;
      },
    });

  test('is found by its id, and is told by what is known of it', async () => {
    expect((await ofAttempt(record())).verdict).toBe('admitted');
    expect(asked).toEqual(['its id']);
  });

  test('that is not in the log is none', async () => {
    await expect(ofAttempt(undefined)).rejects.toMatchObject({
      code: 'not_found',
      message: 'the join log has no such request: it keeps those of machines, for 30 days',
    });
  });

  test.each<[string, object, Partial<JoinRecord>]>([
    ['tenant', { tenant: SUBSCRIPTION }, { tenant: SUBSCRIPTION }],
    ['name', { vm_names: ['vm-a'] }, {}],
    [
      'name in a scale set',
      { vm_names: ['set-a_7'] },
      { resource_id: `${compute}/virtualmachinescalesets/set-a/virtualmachines/7` },
    ],
    [
      'scale set',
      { scale_sets: ['set-a'] },
      { resource_id: `${compute}/virtualmachinescalesets/set-a/virtualmachines/7` },
    ],
    [
      'resource id, as it claimed',
      { vm_names: ['vm-b'] },
      { resource_id: undefined, claimed_resource_id: `${compute}/virtualmachines/vm-b` },
    ],
    [
      'subscription, as it claimed',
      {},
      { subscription: undefined, claimed_subscription: SUBSCRIPTION },
    ],
  ])('has its %s', async (_, rule, change) => {
    const token = allowing({ subscription: SUBSCRIPTION, resource_groups: ['group1'], ...rule });
    const { verdict } = await ofAttempt(record(change as JoinRecord), beside(token));
    expect(verdict).toBe('admitted');
  });

  test('has an identity that a rule may name in another way', async () => {
    const token = allowing({ subscription: SUBSCRIPTION, managed_identities: [SUBSCRIPTION] });
    expect((await ofAttempt(record({ identity: IDENTITY }), beside(token))).verdict).toBe(
      'unknown',
    );
  });

  test('of a virtual machine has no scale set that is known', async () => {
    const token = allowing({ subscription: SUBSCRIPTION, scale_sets: ['vm-a'] });
    expect((await ofAttempt(record(), beside(token))).verdict).toBe('unknown');
  });

  test('of a set has no name that is known', async () => {
    const token = allowing({ subscription: SUBSCRIPTION, vm_names: ['set-a*'] });
    const resource_id = `${compute}/virtualmachinescalesets/set-a`;
    expect((await ofAttempt(record({ resource_id }), beside(token))).verdict).toBe('unknown');
  });

  test('without a machine has nothing that is known of one', async () => {
    const { verdict } = await ofAttempt(record({ resource_id: undefined } as never));
    expect(verdict).toBe('unknown');
  });

  test('has its system role, if that is one', async () => {
    const node = tokenWith({ roles: ['Node'], bot_name: undefined });
    expect((await ofAttempt(record({ system_role: 'Node' }), [node])).verdict).toBe('admitted');
    expect((await ofAttempt(record({ system_role: 'nosuch' }))).verdict).toBe('admitted');
  });

  test.each<[object, Partial<JoinRecord>]>([
    [{ machine: SUBSCRIPTION }, { vm_id: SUBSCRIPTION }],
    [{ machine: SUBSCRIPTION }, { claimed_vm_id: SUBSCRIPTION }],
    [{ identity: IDENTITY }, { identity: IDENTITY }],
    [{ aws_arn: 'arn:aws:sts::1:x' }, { aws_arn: 'arn:aws:sts::1:x' }],
  ])('is held against locks: %j', async (target, change) => {
    const locked = [...RESOURCES, lock({ target } as never)];
    expect((await ofAttempt(record(change), locked)).verdict).toBe('denied');
  });

  test('of AWS has account and ARN', async () => {
    const iam = tokenWith({
      join_method: 'iam',
      azure: undefined,
      allow: [{ aws_account: '111111111111' }],
    });
    const of = { aws_account: '111111111111', aws_arn: 'arn:aws:sts::111111111111:x' };
    expect((await ofAttempt(record(of), beside(iam))).verdict).toBe('admitted');
  });
});

describe('a machine of Azure', () => {
  const resource_id = `/subscriptions/${SUBSCRIPTION}/resourceGroups/group1/providers/Microsoft.Compute/virtualMachines/vm-a`;
  const machine: MachineDescription = {
    id: { kind: 'vm', subscription: SUBSCRIPTION, group: 'group1', vm: 'vm-a' },
    vmId: SUBSCRIPTION,
    scaleSet: undefined,
    location: 'westeurope',
    identities: [{ principalId: 'own', resourceId: undefined }],
    tags: {},
  };
  const named = (name: string, spec: object = {}): JoinToken => tokenWith(spec, { name });
  const ofMachine = (
    asked: ExplainRequest,
    resources: readonly AnyResource[] = RESOURCES,
    found: MachineDescription | undefined = machine,
  ) =>
    told({ resource_id, ...asked }, resources, {
      machineDirectory: { read: async () => found },
    });

  test('with a join token has all steps in one list', async () => {
    const { verdict, steps, tokens } = await ofMachine({ token: 'example-bot' });
    expect(verdict).toBe('admitted');
    expect(steps.map(({ step }) => step)).toEqual([
      'machine',
      'join token',
      'allow rules',
      'bot or host',
      'locks',
      'certificate',
    ]);
    expect(tokens).toBeUndefined();
  });

  test('that can not join is denied by what is known of it, with a join token or without', async () => {
    const bare = { ...machine, identities: [] };
    const steps = [{ step: 'machine' }, { step: 'machine', reason: 'machine_identity' }];
    expect(await ofMachine({ token: 'example-bot' }, RESOURCES, bare)).toMatchObject({
      verdict: 'denied',
      steps,
    });
    expect(await ofMachine({}, RESOURCES, bare)).toMatchObject({
      verdict: 'denied',
      steps,
      tokens: [{ token: 'example-bot', verdict: 'denied', steps: [] }],
    });
  });

  test('without a join token is held against each of azure, for its role or its first one', async () => {
    const tokens = [
      named('admits'),
      named('denies', { azure: { allow: [{ subscription: 'other' }] } }),
      named('hosts', { roles: ['Node', 'Bot'], bot_name: undefined }),
      named('secret', { join_method: 'token', azure: undefined }),
    ];
    const all = await ofMachine({}, [...tokens, bot, access]);
    expect(all.verdict).toBe('admitted');
    expect(all.steps.map(({ step }) => step)).toEqual(['machine']);
    expect(all.tokens?.map(({ token, verdict }) => [token, verdict])).toEqual([
      ['admits', 'admitted'],
      ['denies', 'denied'],
      ['hosts', 'admitted'],
    ]);
    expect(all.tokens?.[2]?.steps).toContainEqual(expect.objectContaining({ detail: 'host:Node' }));
    const hosts = await ofMachine({ role: 'Node' }, [...tokens, bot, access]);
    expect(hosts.tokens?.map(({ token }) => token)).toEqual(['hosts']);
  });

  test('has the best verdict of all: admitted, unknown, denied', async () => {
    const tenant = named('tenant', {
      azure: { allow: [{ subscription: SUBSCRIPTION, tenant: SUBSCRIPTION }] },
    });
    const denies = named('denies', { azure: { allow: [{ subscription: 'other' }] } });
    const verdictOf = async (...tokens: readonly JoinToken[]) =>
      (await ofMachine({}, [...tokens, bot, access])).verdict;
    expect(await verdictOf(denies, tenant, joinToken)).toBe('admitted');
    expect(await verdictOf(denies, tenant)).toBe('unknown');
    expect(await verdictOf(denies)).toBe('denied');
    expect(await verdictOf()).toBe('denied');
  });

  test('reads through two hundred join tokens, and no more', async () => {
    const many = Array.from({ length: 201 }, (_, i) => named(`token-${i}`));
    expect((await ofMachine({}, [...many, bot, access])).tokens).toHaveLength(200);
  });

  test('is told as the identity that serves it best', async () => {
    const identities = [
      { principalId: 'one', resourceId: undefined },
      { principalId: 'two', resourceId: undefined },
    ];
    const token = allowing({ subscription: SUBSCRIPTION, managed_identities: ['two'] });
    const { verdict, steps } = await ofMachine({ token: 'example-bot' }, beside(token), {
      ...machine,
      identities,
    });
    expect(verdict).toBe('admitted');
    expect(steps.slice(0, 3)).toMatchObject([
      { step: 'machine' },
      { step: 'identity', result: 'ok', detail: 'as two' },
      { step: 'join token' },
    ]);
  });
});
