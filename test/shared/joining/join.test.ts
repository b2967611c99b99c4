/**
 * The steps of a join in their order, by a method of the tests' own and everything else real: each test changes one thing
 * of a join that is admitted.
 */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { encodeBase64 } from '../../../shared/encoding/base64.ts';
import { type JoinParts, join } from '../../../shared/joining/join.ts';
import type { JoinMethod } from '../../../shared/joining/methods/method.ts';
import type { JoinMethods } from '../../../shared/joining/methods/methods.ts';
import {
  instanceIdOf,
  type JoinBody,
  proofMessage,
  requestDigest,
} from '../../../shared/protocol/join.ts';
import { denied, Refusal } from '../../../shared/refusal.ts';
import type { Lock } from '../../../shared/resources/lock.ts';
import type { AnyResource } from '../../../shared/resources/resource.ts';
import { createHostNames } from '../../../shared/storage/host-names.ts';
import { createInstances, type KeptFacts } from '../../../shared/storage/instances.ts';
import { createMachines } from '../../../shared/storage/machines.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import { createResources, type Snapshot } from '../../../shared/storage/resources.ts';
import { certificationRequest } from '../../broker/joiner.ts';
import { createAuthorities, NOON } from '../authority/rotation-parts.ts';
import { bot, joinToken, lock, role } from '../resources/samples.ts';

const CLUSTER = 'test.example.org';
const ID = '0a1b2c3d-2222-4222-8222-222222222222';
const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const key = newKey();
const csr = certificationRequest(key);
const authorities = await createAuthorities();
const nodes = {
  ...joinToken,
  metadata: { name: 'nodes' },
  spec: {
    ...joinToken.spec,
    roles: ['Node'],
    bot_name: undefined,
    host_names: ['{{vm_name}}.{{cluster}}'],
  },
} as AnyResource;
const NODE = {
  token: 'nodes',
  role: 'Node',
  certificates: [{ name: 'identity', csr, type: 'host' }],
} as const;

type Facts = KeptFacts & { readonly method: 'azure'; readonly vmId: string };
type Method = JoinMethod<string, Facts>;
interface Attempt {
  /** Instead of the good request's. */
  readonly request?: object;
  readonly body?: object;
  readonly method?: Partial<Method>;
  readonly parts?: Partial<JoinParts>;
}

async function createScene() {
  let now = NOON;
  const clock = () => now;
  const steps: string[] = [];
  const step = (name: string): void => void steps.push(name);
  const told: object[] = [];
  const locked: Lock[] = [];
  const resources = createResources(createMemoryTable(), clock);
  for (const one of [bot, joinToken, nodes, role({ logins: ['root'] })])
    await resources.create(one);
  const instances = createInstances(createMemoryTable());
  const names = createHostNames(createMemoryTable());
  const machines = createMachines(createMemoryTable());
  const good: Method = {
    freshSeconds: 300,
    firstInstanceId: ({ digest }) => instanceIdOf(digest),
    usedReason: 'request_used',
    examine: () => 'vm',
    checkTrusted: () => {},
    provesLocally: true,
    machineOf: (vmId) => vmId,
    checkCouldMatch: () => {},
    mayBe: (vmId, kept) => kept['vmId'] === vmId,
    prove: async (vmId) => {
      step('prove');
      return { method: 'azure', vmId };
    },
    decide: () => step('decide'),
    joinsOften: true,
    lockTargets: ({ vmId }) => ({ machine: vmId }),
    hostOf: ({ vmId }) => ({
      machine: `azure:${vmId}`,
      incarnation: vmId,
      facts: {
        ...{ vm_name: 'web', resource_group: 'group1', subscription: undefined },
        ...{ location: undefined, scale_set: undefined, instance_id: undefined },
      },
    }),
  };

  let sent = 0;
  /** Gives the text that was sent, too: what it makes is known by it. */
  async function attempt({ request, ...more }: Attempt = {}) {
    sent += 1;
    const text = JSON.stringify({
      broker: CLUSTER,
      id: `0a1b2c3d-1111-4111-8111-${String(sent).padStart(12, '0')}`,
      token: 'example-bot',
      join_method: 'azure',
      role: 'Bot',
      certificates: [{ name: 'identity', csr }],
      ...request,
    });
    return { text, joined: await send(text, more) };
  }
  async function send(text: string, { body, method, parts }: Omit<Attempt, 'request'> = {}) {
    const mine = { ...good, ...method };
    const methods = { by: (_: string, run: (method: Method) => unknown) => run(mine) };
    const whole: JoinParts = {
      cluster: CLUSTER,
      naming: { cluster: CLUSTER, domains: [] },
      defaultSeconds: 3600,
      maxSeconds: 86_400,
      methods: methods as unknown as JoinMethods,
      keyring: { authorities: async () => authorities } as JoinParts['keyring'],
      resources,
      instances,
      names,
      machines,
      onLocked: async (lock) => void locked.push(lock),
      revocations: { expectMachine: async () => {}, keepOne: async () => {} },
      now: clock,
      ...parts,
    };
    const caller = {
      countAttempt: () => step('count attempt'),
      countMachine: (machine: string) => step(`count ${machine}`),
      countQuestion: () => step('count question'),
      admitted: () => step('admitted'),
    };
    return join({ request: text, ...body } as JoinBody, whole, caller, (facts) => told.push(facts));
  }
  const signedBy = (by: KeyObject) => (text: string) => ({
    proof: encodeBase64(sign('sha256', proofMessage(text), by)),
  });
  /** A renewal of the instance that this text made. */
  async function renew(first: string, more: Attempt & { readonly named?: object } = {}) {
    const instance = { id: instanceIdOf(requestDigest(first)), generation: 1, ...more.named };
    const text = JSON.stringify({ ...JSON.parse(first), instance, ...more.request });
    return send(text, { ...more, body: { ...signedBy(key)(text), ...more.body } });
  }
  return {
    ...{ attempt, send, renew, resources, instances, names, machines, steps, told, locked },
    setTime: (seconds: number) => {
      now = new Date(NOON.getTime() + seconds * 1000);
    },
  };
}

const denial = (reason: string, more: object = {}) =>
  expect.objectContaining({ code: 'access_denied', reason, ...more });
const stop = (): never => expect.unreachable('it went on');

describe('a first join', () => {
  test('is admitted step by step, and told of as it becomes known', async () => {
    const { attempt, steps, told, instances } = await createScene();
    // No row is read for a machine that has none.
    const { text, joined } = await attempt({ parts: { instances: { ...instances, read: stop } } });
    const id = instanceIdOf(requestDigest(text));
    expect(joined).toMatchObject({ instance: { id, role: 'Bot' }, bot: 'example', generation: 1 });
    expect(steps).toEqual(['count vm', 'prove', 'decide']);
    expect(told.slice(0, -1)).toEqual([
      { join_token: 'example-bot', join_method: 'azure', system_role: 'Bot' },
      { join_token: 'example-bot', bot: 'example' },
      { bot: 'example' },
      { known: true },
    ]);
    expect(told.at(-1)).toMatchObject({ instance_id: id, generation: 1 });
    const noon = NOON.getTime() / 1000;
    expect(await instances.read('bot:example', id)).toMatchObject({
      instance: {
        owner: 'bot:example',
        joinToken: 'example-bot',
        machine: { method: 'azure', vmId: 'vm' },
        names: [],
        answered: [{ certificates: [{ name: 'identity', issued: noon, expires: noon + 3600 }] }],
        goneAfter: noon + 3600 + 3600,
      },
    });
  });

  test('of a host gets its names, and tells of no bot', async () => {
    const { attempt, told, names } = await createScene();
    const { joined } = await attempt({ request: NODE });
    expect(joined).toMatchObject({ instance: { role: 'Node' }, bot: undefined });
    expect(joined.certificates[0]?.names).toEqual([`web.${CLUSTER}`]);
    expect(told[1]).toStrictEqual({ join_token: 'nodes' });
    expect(told.some((facts) => 'bot' in facts)).toBe(false);
    expect(await names.read(`web.${CLUSTER}`)).toMatchObject({ machine: 'azure:vm' });
  });

  test('whose evidence proves nothing here is counted before it is examined', async () => {
    const { attempt, steps } = await createScene();
    const examine = (): string => {
      expect(steps).toEqual(['count question']);
      return 'vm';
    };
    await attempt({ method: { provesLocally: false, machineOf: () => undefined, examine } });
    expect(steps).toEqual(['count question', 'prove', 'decide']);
  });

  test('of a machine that has another live instance tells so', async () => {
    const { attempt, told } = await createScene();
    const { joined } = await attempt();
    await attempt();
    expect(told).toContainEqual({ beside: [joined.instance.id] });
    told.length = 0;
    await attempt({ method: { joinsOften: false } });
    expect(told.some((facts) => 'beside' in facts)).toBe(false);
  });
});

describe('is refused before anything is examined', () => {
  const examine = stop;
  test.each<[string, Attempt, object]>([
    [
      'for another broker',
      { request: { broker: 'other.example.org' } },
      denial('other_broker', { message: 'the request is for broker other.example.org' }),
    ],
    [
      'with a field that is not known',
      { request: { more: 1 } },
      expect.objectContaining({ code: 'bad_request', field: 'request.more' }),
    ],
    [
      'with evidence of another method',
      { body: { secret: 'x' } },
      expect.objectContaining({ code: 'bad_request', field: 'secret' }),
    ],
  ])('%s', async (_, changes, refusal) => {
    const { attempt } = await createScene();
    await expect(attempt({ ...changes, method: { examine } })).rejects.toThrow(refusal);
  });

  test('as no JSON', async () => {
    const { send, told } = await createScene();
    await expect(send('{', { method: { examine } })).rejects.toThrow(
      expect.objectContaining({
        code: 'bad_request',
        field: 'request',
        message: expect.stringContaining('JSON'),
      }),
    );
    expect(told).toEqual([]);
  });

  test('for a join token that is known not to be for it, but not where the prober asks', async () => {
    const { attempt, resources } = await createScene();
    const request = { role: 'Node' };
    await resources.snapshot();
    await expect(attempt({ request, method: { examine } })).rejects.toThrow(
      denial('system_role_mismatch'),
    );
    const asked: unknown[] = [];
    const method: Partial<Method> = {
      examine: (_, { joinToken: known }) => {
        asked.push(known);
        return 'vm';
      },
    };
    await expect(attempt({ request, method, parts: { probing: true } })).rejects.toThrow(
      denial('system_role_mismatch'),
    );
    await attempt({ method });
    expect(asked).toEqual([undefined, joinToken]);
  });
});

describe('what rests on resources', () => {
  const newer = (): never => {
    throw new Refusal('access_denied', 'no root', { reason: 'document_chain', newerMayHelp: true });
  };

  test('is examined with the newest at hand, and once more with newer ones where they may help', async () => {
    const { attempt, resources } = await createScene();
    const before = await resources.snapshot();
    const seen: (Snapshot | undefined)[] = [];
    const method: Partial<Method> = {
      examine: (_, { resources: known }) => {
        seen.push(known);
        return known === before ? newer() : 'vm';
      },
    };
    await resources.create(lock({ target: { bot: 'another' } }));
    await attempt({ method });
    expect(seen).toHaveLength(2);
    expect(seen[0]).toBe(before);
    expect(seen[1]).toBe(resources.latest());
  });

  test.each<[string, () => never, boolean]>([
    ['nothing is newer', newer, false],
    [
      'it would not help',
      () => {
        throw denied('document_chain', 'forged');
      },
      true,
    ],
    [
      'an error is ours',
      () => {
        throw Object.assign(new TypeError('ours'), { newerMayHelp: true });
      },
      true,
    ],
  ])('is examined once where %s', async (_, examine, isNewer) => {
    const { attempt, resources } = await createScene();
    await resources.newest();
    if (isNewer) await resources.create(lock({ target: { bot: 'another' } }));
    let examined = 0;
    const method: Partial<Method> = {
      examine: () => {
        examined += 1;
        return examine();
      },
      prove: stop,
    };
    await expect(attempt({ method })).rejects.toThrow();
    expect(examined).toBe(1);
  });

  test('is trusted by those of now, in another way where there is one', async () => {
    const { attempt, resources } = await createScene();
    const checked: string[] = [];
    const method: Partial<Method> = {
      examine: (_, { resources: known }) => (known === undefined ? 'old' : 'new'),
      checkTrusted: (examined, snapshot, at) => {
        expect([snapshot, at]).toEqual([resources.latest(), NOON]);
        checked.push(examined);
        if (examined === 'old') throw denied('document_chain', 'gone');
      },
    };
    await attempt({ method, parts: { resources: { ...resources, latest: () => undefined } } });
    // Once more with what holds after the last wait.
    expect(checked).toEqual(['old', 'new', 'new']);
  });

  test('is denied where it is trusted in no way, also after the last wait', async () => {
    const { attempt } = await createScene();
    const gone = () => {
      throw denied('document_chain', 'gone');
    };
    await expect(attempt({ method: { checkTrusted: gone, prove: stop } })).rejects.toThrow('gone');
    let checks = 0;
    const later = () => {
      checks += 1;
      if (checks === 2) gone();
    };
    await expect(attempt({ method: { checkTrusted: later, decide: stop } })).rejects.toThrow(
      'gone',
    );
    const ours = () => {
      throw new TypeError('ours');
    };
    let examined = 0;
    const examine = () => {
      examined += 1;
      return 'vm';
    };
    await expect(attempt({ method: { checkTrusted: ours, examine } })).rejects.toThrow('ours');
    expect(examined).toBe(1);
  });
});

describe('is denied before anybody is asked', () => {
  const prove = stop;
  test('without a join token', async () => {
    const { attempt } = await createScene();
    await expect(attempt({ request: { token: 'another' }, method: { prove } })).rejects.toThrow(
      denial('join_token_not_found'),
    );
  });

  test('where no rule could match', async () => {
    const { attempt } = await createScene();
    const checkCouldMatch: Method['checkCouldMatch'] = (vmId, { metadata }, report) => {
      report({ known: true });
      throw denied('rule_mismatch', `${vmId} of ${metadata.name}`);
    };
    await expect(attempt({ method: { prove, checkCouldMatch } })).rejects.toThrow(
      'vm of example-bot',
    );
  });

  test('with a key that is none', async () => {
    const { attempt } = await createScene();
    const certificates = [{ name: 'identity', csr: 'x' }];
    await expect(attempt({ request: { certificates }, method: { prove } })).rejects.toThrow(
      expect.objectContaining({ field: 'request.certificates[0].csr' }),
    );
  });

  test('where its bot is gone', async () => {
    const { attempt, resources } = await createScene();
    const { etag = '' } = (await resources.read('bot', 'example')) ?? {};
    await resources.remove('bot', 'example', etag);
    await expect(attempt({ method: { prove } })).rejects.toThrow(denial('bot_not_found'));
  });
});

test("what is not its owner's is refused, by the place where it is asked for", async () => {
  const { attempt } = await createScene();
  const certificates = [{ name: 'identity', csr, type: 'host' }];
  await expect(attempt({ request: { certificates } })).rejects.toThrow(
    expect.objectContaining({ field: 'request.certificates[0].type' }),
  );
});

test('a key that the joiner does not have is denied once the machine has proved what it is', async () => {
  const { attempt, steps } = await createScene();
  const certificates = [{ name: 'identity', csr: certificationRequest(key, newKey()) }];
  await expect(attempt({ request: { certificates } })).rejects.toThrow(denial('key_not_possessed'));
  expect(steps).toEqual(['count vm', 'prove']);
});

describe('a lock that came while the machine proved itself counts:', () => {
  test.each<[string, Lock['spec']['target'], object]>([
    ['on the bot', { bot: 'example' }, {}],
    ['on the join token', { join_token: 'example-bot' }, {}],
    ['on the machine', { machine: 'vm' }, {}],
  ])('%s', async (_, target, request) => {
    const { attempt, resources, instances } = await createScene();
    const prove: Method['prove'] = async (vmId) => {
      await resources.create(lock({ target }));
      return { method: 'azure', vmId };
    };
    await expect(attempt({ request, method: { prove, decide: stop } })).rejects.toThrow(
      denial('locked', { about: { lock: 'stop' } }),
    );
    expect(await instances.list('bot:example', undefined, 10)).toEqual([]);
  });

  test('on the instance', async () => {
    const { attempt, renew, resources } = await createScene();
    const { text, joined } = await attempt();
    await resources.create(lock({ target: { instance: joined.instance.id } }));
    await expect(renew(text, { method: { decide: stop } })).rejects.toThrow(denial('locked'));
    await attempt();
  });

  test('and so does a join token that is gone', async () => {
    const { attempt, resources } = await createScene();
    const prove: Method['prove'] = async (vmId) => {
      const { etag = '' } = (await resources.read('token', 'example-bot')) ?? {};
      await resources.remove('token', 'example-bot', etag);
      return { method: 'azure', vmId };
    };
    await expect(attempt({ method: { prove, decide: stop } })).rejects.toThrow(
      denial('join_token_not_found'),
    );
  });
});

describe('a renewal', () => {
  test('is told as known, proves itself as the machine of its row, and is no second instance', async () => {
    const { attempt, renew, told, machines } = await createScene();
    const { text } = await attempt();
    const made = await machines.read('example-bot', 'azure:vm');
    told.length = 0;
    const kept: unknown[] = [];
    const prove: Method['prove'] = async (vmId, { metadata }, before) => {
      kept.push(
        before,
        metadata.name,
        told.filter((facts) => 'known' in facts),
      );
      return { method: 'azure', vmId };
    };
    const joined = await renew(text, { method: { prove } });
    expect(joined.generation).toBe(2);
    expect(kept).toEqual([{ method: 'azure', vmId: 'vm' }, 'example-bot', [{ known: true }]]);
    expect(await machines.read('example-bot', 'azure:vm')).toEqual(made);
  });

  test('of another machine is of no instance', async () => {
    const { attempt, renew } = await createScene();
    const { text } = await attempt();
    const method: Partial<Method> = { examine: () => 'other', prove: stop };
    await expect(renew(text, { method })).rejects.toThrow(
      expect.objectContaining({ code: 'instance_unknown' }),
    );
  });

  test('of a host keeps its names, and asks for no other row', async () => {
    const { attempt, renew, names } = await createScene();
    const { text } = await attempt({ request: NODE });
    expect((await renew(text)).certificates[0]?.names).toEqual([`web.${CLUSTER}`]);
    expect(await names.list(undefined, 10)).toHaveLength(1);
  });

  test('by an older key locks its instance, where the key is all the proof there is', async () => {
    const { attempt, renew, locked, told, resources, setTime } = await createScene();
    const method: Partial<Method> = { freshSeconds: undefined };
    const { text, joined } = await attempt({ method });
    const [named, time] = [
      { key: encodeBase64(keyInfo(key)) },
      (seconds: number) =>
        new Date(NOON.getTime() + seconds * 1000).toISOString().replace('.000', ''),
    ];
    const next = newKey();
    const certificates = [{ name: 'identity', csr: certificationRequest(next) }];
    await renew(text, { method, named, request: { certificates, time: time(0) } });
    setTime(600);
    told.length = 0;
    const late = { method, named, request: { time: time(600) } };
    const { id } = joined.instance;
    const name = `copied-${id}`;
    await expect(renew(text, late)).rejects.toThrow(
      denial('copied_identity', {
        about: { lock: name },
        message: 'an older key of the instance is in use: it is locked',
      }),
    );
    expect(told).toContainEqual({ known: true, instance_id: id });
    expect(locked.map(({ metadata }) => metadata.name)).toEqual([name]);
    expect((await resources.read('lock', name))?.resource).toEqual(locked[0]);
    // It is locked already: nobody is told once more.
    await expect(renew(text, late)).rejects.toThrow(denial('copied_identity'));
    expect(locked).toHaveLength(1);
    // By any other method an older key shows nothing.
    await expect(renew(text, { ...late, method: {} })).rejects.toThrow(
      expect.objectContaining({ code: 'instance_unknown' }),
    );
  });
});

describe('a name of a host', () => {
  test('is not claimed by who comes with a secret that was used, once it was freed', async () => {
    const { attempt, names } = await createScene();
    const method: Partial<Method> = { firstInstanceId: () => ID, usedReason: 'secret_used' };
    await attempt({ request: NODE, method });
    await names.free(`web.${CLUSTER}`);
    await expect(attempt({ request: NODE, method })).rejects.toThrow(denial('secret_used'));
    expect(await names.list(undefined, 10)).toEqual([]);
  });

  test('is given back where there is no place for the machine', async () => {
    const { attempt, names, resources } = await createScene();
    const { spec } = nodes as typeof joinToken;
    const limited = { ...nodes, spec: { ...spec, max_machines: 1 } } as AnyResource;
    await resources.replace(limited, '*');
    await attempt({ request: NODE });
    const other: Partial<Method> = {
      examine: () => 'other',
      hostOf: () => ({
        machine: 'azure:other',
        incarnation: 'other',
        facts: { vm_name: 'mail' } as never,
      }),
    };
    await expect(attempt({ request: NODE, method: other })).rejects.toThrow(
      denial('too_many_machines'),
    );
    expect((await names.list(undefined, 10)).map(({ name }) => name)).toEqual([`web.${CLUSTER}`]);
  });

  test.each([
    [30, 'admitted'],
    [31, 'asked for again, and its names are given back'],
  ])('that takes %i seconds to be written is %s', async (seconds, outcome) => {
    const { attempt, names, machines, setTime } = await createScene();
    const slow: JoinParts['machines'] = {
      ...machines,
      write: async (...row) => {
        setTime(seconds);
        return machines.write(...row);
      },
    };
    const joining = attempt({ request: NODE, parts: { machines: slow } });
    if (outcome === 'admitted') await joining;
    else
      await expect(joining).rejects.toThrow(
        expect.objectContaining({ code: 'try_again', retryAfter: 1 }),
      );
    expect(await names.list(undefined, 10)).toHaveLength(outcome === 'admitted' ? 1 : 0);
  });
});

describe('while the place of a machine is written', () => {
  /** Changes a resource then; gives the join, what was told of it, and what is kept. */
  async function changing(changed: AnyResource, request: object = {}) {
    const { attempt, resources, machines, instances, names, told } = await createScene();
    for (const one of [
      { ...bot, metadata: { name: 'other' } },
      lock({ target: { machine: 'other' } }),
    ])
      await resources.create(one);
    const slow: JoinParts['machines'] = {
      ...machines,
      write: async (...row) => {
        await resources.replace(changed, '*');
        return machines.write(...row);
      },
    };
    const joining = attempt({ request, parts: { machines: slow } });
    const kept = async () => [
      ...(await instances.listCertified()),
      ...(await names.list(undefined, 9)),
    ];
    return { joining, told, kept };
  }
  const lastsTenMinutes = role({ logins: ['nobody'] }, { max_session_ttl: '10m' });

  test.each<[string, AnyResource, object]>([
    ['a role', lastsTenMinutes, { logins: ['nobody'], expires: ['2026-11-20T12:10:00Z'] }],
    ['a bot', { ...bot, spec: { ...bot.spec, roles: [] } }, { roles: [], logins: [] }],
  ])('%s may get less, and so do the certificates', async (_, changed, less) => {
    const { joining, told } = await changing(changed);
    await joining;
    expect(told.at(-1)).toMatchObject(less);
  });

  test.each<[string, AnyResource, object]>([
    [
      'to another bot',
      { ...joinToken, spec: { ...joinToken.spec, bot_name: 'other' } },
      { token: 'example-bot' },
    ],
    [
      'to other names',
      { ...nodes, spec: { ...nodes.spec, host_names: ['other.{{cluster}}'] } } as AnyResource,
      NODE,
    ],
  ])('a join token may lead %s: the join is asked for again', async (_, changed, request) => {
    const { joining, kept } = await changing(changed, request);
    await expect(joining).rejects.toThrow(expect.objectContaining({ code: 'try_again' }));
    expect(await kept()).toEqual([]);
  });

  test('a lock may come: it counts, and names are given back', async () => {
    const { joining, kept } = await changing(lock({ target: { machine: 'vm' } }), NODE);
    await expect(joining).rejects.toThrow(denial('locked', { about: { lock: 'stop' } }));
    expect(await kept()).toEqual([]);
  });
});

describe('the end of a join token', () => {
  const ending: AnyResource = {
    ...joinToken,
    metadata: { name: 'example-bot', expires: '2026-11-20T12:10:00Z' },
  };
  const noon = NOON.getTime() / 1000;

  test.each<[string, Partial<Method>, number, number]>([
    ['is that of certificates, where it limits every join', {}, noon + 600, noon + 600 + 3600],
    [
      'is no end of them, where it limits the first one only: their row stays for as long',
      { freshSeconds: undefined },
      noon + 3600,
      noon + 3600 + 3600,
    ],
  ])('%s', async (_, method, expires, goneAfter) => {
    const { attempt, resources, instances } = await createScene();
    await resources.replace(ending, '*');
    const { joined } = await attempt({ method });
    const stored = await instances.read('bot:example', joined.instance.id);
    expect(stored).toMatchObject({
      instance: { answered: [{ certificates: [{ expires }] }], goneAfter },
    });
  });

  test('is how long a secret that was used stays used', async () => {
    const { attempt, resources, instances } = await createScene();
    const expires = '2026-11-21T12:00:00Z';
    await resources.replace({ ...joinToken, metadata: { name: 'example-bot', expires } }, '*');
    for (const [freshSeconds, goneAfter] of [
      [undefined, noon + 86_400 + 3600],
      [300, noon + 3600 + 3600],
    ] as const) {
      const { joined } = await attempt({ method: { freshSeconds } });
      expect(await instances.read('bot:example', joined.instance.id)).toMatchObject({
        instance: { goneAfter },
      });
    }
  });
});

const keyInfo = (one: KeyObject): Buffer =>
  createPublicKey(one).export({ format: 'der', type: 'spki' });
