import { describe, expect, test } from 'vitest';
import {
  type AzureMachineDirectoryOptions,
  createAzureMachineDirectory,
} from '../../../../shared/attestation/azure/azure-machine-directory.ts';
import {
  isOfResourceOnly,
  type MachineDirectory,
} from '../../../../shared/attestation/azure/machine-directory.ts';

const SUBSCRIPTION = '00000000-0000-4000-8000-000000000001';
const MANAGEMENT = 'https://management.example';
const ID = { kind: 'vm', subscription: SUBSCRIPTION, group: 'group1', vm: 'vm-a' } as const;
const SET = { kind: 'set', subscription: SUBSCRIPTION, group: 'group1', set: 'set-a' } as const;
const group = `/subscriptions/${SUBSCRIPTION}/resourceGroups/group1/providers`;
const OWN = '00000000-0000-4000-8000-00000000000A';

/** A directory whose management API answers what this says. */
function directoryOver(
  answer: (url: URL) => unknown,
  more: Partial<AzureMachineDirectoryOptions> = {},
) {
  const asked: URL[] = [];
  const redirects: unknown[] = [];
  const authorizations: unknown[] = [];
  const scopes: unknown[] = [];
  const signals: AbortSignal[] = [];
  const directory = createAzureMachineDirectory({
    management: MANAGEMENT,
    audience: 'https://audience.example',
    credential: {
      async getToken(scope) {
        scopes.push(scope);
        return { token: 'secret', expiresOnTimestamp: 4e12 };
      },
    },
    async fetch(input, init) {
      const url = new URL(String(input));
      asked.push(url);
      redirects.push(init?.redirect);
      authorizations.push(new Headers(init?.headers).get('authorization'));
      if (init?.signal) signals.push(init.signal);
      const said = await answer(url);
      return said instanceof Response ? said : Response.json(said);
    },
    ...more,
  });
  return { directory, asked, redirects, authorizations, scopes, signals };
}

const machine = (more: object = {}) => ({
  id: `${group}/Microsoft.Compute/virtualMachines/vm-a`,
  properties: { vmId: 'AAAAAAAA-0000-4000-8000-000000000002' },
  ...more,
});
const withIdentities = (userAssignedIdentities: object) =>
  machine({ identity: { principalId: OWN, userAssignedIdentities } });

test('describes a machine in lower case', async () => {
  const uami = `${group}/Microsoft.ManagedIdentity/userAssignedIdentities/One`;
  const scaleSet = { id: `${group}/Microsoft.Compute/virtualMachineScaleSets/Set-F` };
  const { directory } = directoryOver(() => ({
    ...withIdentities({ [uami]: { principalId: OWN, clientId: OWN } }),
    location: 'westeurope',
    tags: { Env: 'Prod' },
    properties: { vmId: 'AAAAAAAA-0000-4000-8000-000000000002', virtualMachineScaleSet: scaleSet },
  }));
  expect(await directory.read(ID)).toEqual({
    id: ID,
    vmId: 'aaaaaaaa-0000-4000-8000-000000000002',
    scaleSet: scaleSet.id.toLowerCase(),
    identities: [
      { principalId: OWN.toLowerCase(), resourceId: undefined },
      {
        principalId: OWN.toLowerCase(),
        clientId: OWN.toLowerCase(),
        resourceId: uami.toLowerCase(),
      },
    ],
    location: 'westeurope',
    tags: { Env: 'Prod' },
  });
});

test('a machine without an identity has none, and without tags none', async () => {
  const { directory } = directoryOver(() => machine());
  expect(await directory.read(ID)).toMatchObject({ identities: [], tags: {}, scaleSet: undefined });
});

describe('an instance of a uniform scale set', () => {
  const instance = (more: object = {}) => ({
    id: `${group}/Microsoft.Compute/virtualMachineScaleSets/Set-A/virtualMachines/7`,
    location: 'westeurope',
    properties: { vmId: 'AAAAAAAA-0000-4000-8000-000000000002' },
    ...more,
  });
  const INSTANCE = { ...SET, kind: 'instance', instance: '7' } as const;
  const VM_ID = 'aaaaaaaa-0000-4000-8000-000000000002';
  const scaleSet = { identity: { principalId: OWN } };
  const described = {
    id: INSTANCE,
    vmId: VM_ID,
    scaleSet: undefined,
    location: 'westeurope',
    identities: [{ principalId: OWN.toLowerCase(), resourceId: undefined }],
    tags: {},
  };
  /** The set, its instances, and machines that are no instances. */
  const answers =
    (listed: readonly object[], one: object = instance()) =>
    ({ pathname }: URL): object =>
      pathname.endsWith('/virtualMachines')
        ? { value: listed }
        : /virtualMachineScaleSets\/[^/]+$/.test(pathname)
          ? scaleSet
          : one;

  test('is read with the identities of its set', async () => {
    const { directory } = directoryOver(answers([]));
    expect(await directory.read(INSTANCE)).toEqual(described);
    const tagged = directoryOver(answers([], instance({ tags: { env: 'prod' } })));
    expect(await tagged.directory.read(INSTANCE)).toMatchObject({ tags: { env: 'prod' } });
  });

  test('is found in its set by its vmId', async () => {
    const { directory, asked } = directoryOver(answers([instance()]));
    expect(await directory.findInSet(SET, VM_ID)).toEqual(described);
    expect(asked).toHaveLength(2);
  });

  test('that is a machine of its own is read as that', async () => {
    const { directory, asked } = directoryOver(answers([machine()], withIdentities({})));
    expect(await directory.findInSet(SET, VM_ID)).toMatchObject({
      id: ID,
      identities: [{ principalId: OWN.toLowerCase() }],
    });
    expect(asked.at(-1)?.pathname).toMatch(/virtualMachines\/vm-a$/);
  });

  test('is not found under the id of a set, and not among machines', async () => {
    const id = `${group}/Microsoft.Compute/virtualMachineScaleSets/set-b`;
    const { directory, asked } = directoryOver(answers([instance({ id })]));
    expect(await directory.findInSet(SET, VM_ID)).toBeUndefined();
    expect(asked).toHaveLength(1);
    const all = directoryOver(() => ({ value: [instance()] })).directory;
    expect(await all.findInSubscription(SUBSCRIPTION, VM_ID)).toBeUndefined();
  });
});

test('asks with a token for the audience', async () => {
  const uami = `${group}/Microsoft.ManagedIdentity/userAssignedIdentities/one`;
  const { directory, scopes, authorizations, asked } = directoryOver(({ pathname }) =>
    pathname.includes('/userassignedidentities/')
      ? { properties: { principalId: OWN } }
      : withIdentities({ [uami]: {} }),
  );
  await directory.read(ID);
  const scope = ['https://audience.example/.default'];
  expect(scopes.map((one) => [one].flat())).toEqual([scope, scope]);
  expect(authorizations).toEqual(['Bearer secret', 'Bearer secret']);
  expect(asked[1]?.href).toBe(`${MANAGEMENT}${uami.toLowerCase()}?api-version=2023-01-31`);
});

test('asks nobody for an identity without a token of its own', async () => {
  const uami = `${group}/Microsoft.ManagedIdentity/userAssignedIdentities/one`;
  const tokens = [{ token: 'secret', expiresOnTimestamp: 4e12 }];
  const credential = { getToken: async () => tokens.pop() ?? null };
  const { directory, asked } = directoryOver(() => withIdentities({ [uami]: {} }), { credential });
  await expect(directory.read(ID)).rejects.toMatchObject({
    code: 'unavailable',
    message: 'the broker gets no token for the management API',
  });
  expect(asked).toHaveLength(1);
});

test('waits for a token of its own no longer than for answers', async () => {
  const uami = `${group}/Microsoft.ManagedIdentity/userAssignedIdentities/one`;
  let calls = 0;
  let given: unknown;
  const credential: AzureMachineDirectoryOptions['credential'] = {
    getToken: (_, options) => {
      calls += 1;
      given = options?.abortSignal;
      return calls === 1
        ? Promise.resolve({ token: 'secret', expiresOnTimestamp: 4e12 })
        : new Promise(() => {});
    },
  };
  const { directory } = directoryOver(() => withIdentities({ [uami]: {} }), {
    credential,
    timeoutMs: 30,
  });
  await expect(directory.read(ID)).rejects.toThrow('the management API does not answer');
  expect(calls).toBe(2);
  expect(given).toMatchObject({ aborted: true });
});

describe('what takes too long is given up:', () => {
  const uami = `${group}/Microsoft.ManagedIdentity/userAssignedIdentities/one`;
  const instance = { ...SET, kind: 'instance', instance: '7' } as const;
  test.each<[string, RegExp, (of: MachineDirectory) => Promise<unknown>]>([
    ['a machine', /virtualMachines\/vm-a$/, (of) => of.read(ID)],
    ['its identity', /userassignedidentities/, (of) => of.read(ID)],
    ['an instance', /virtualMachines\/7$/, (of) => of.read(instance)],
    ['its scale set', /virtualMachineScaleSets\/set-a$/, (of) => of.read(instance)],
    ['a list of machines', /virtualMachines$/, (of) => of.findInSubscription(SUBSCRIPTION, OWN)],
    ['a list of instances', /virtualMachines$/, (of) => of.findInSet(SET, OWN)],
  ])('%s', async (_, slow, ask) => {
    const { directory, signals } = directoryOver(
      ({ pathname }) =>
        slow.test(pathname) ? new Promise(() => {}) : withIdentities({ [uami]: {} }),
      { timeoutMs: 30 },
    );
    await expect(ask(directory)).rejects.toMatchObject({
      code: 'unavailable',
      message: 'the management API does not answer',
    });
    expect(signals.at(-1)?.aborted).toBe(true);
  });
});

describe("the broker's own token goes to no address that an answer names, such as", () => {
  test.each([
    '@evil.example/x',
    '.evil.example/x',
    ':8443/x',
    '//evil.example/x',
    `${group}/Microsoft.Compute/virtualMachines/vm-b`,
    `${group}/Microsoft.ManagedIdentity/userAssignedIdentities/../../x`,
    `${group}/Microsoft.ManagedIdentity/userAssignedIdentities/one?x=y#`,
    `${group}/Microsoft.ManagedIdentity/userAssignedIdentities/\u212a`,
  ])('%s', async (id) => {
    const { directory, asked } = directoryOver(() => withIdentities({ [id]: {} }));
    expect((await directory.read(ID))?.identities).toEqual([
      { principalId: OWN.toLowerCase(), resourceId: undefined },
    ]);
    expect(asked).toHaveLength(1);
  });
});

test('and no redirect is followed with it', async () => {
  const uami = `${group}/Microsoft.ManagedIdentity/userAssignedIdentities/one`;
  const { directory, redirects } = directoryOver(({ pathname }) =>
    pathname.includes('/userassignedidentities/')
      ? { properties: { principalId: OWN } }
      : withIdentities({ [uami]: {} }),
  );
  await directory.read(ID);
  expect(redirects).toEqual(['manual', 'error']);
});

describe('an identity that the machine does not tell the principal of', () => {
  const uami = `${group}/Microsoft.ManagedIdentity/userAssignedIdentities/one`;
  const read = (answer: unknown) =>
    directoryOver(({ pathname }) =>
      pathname.includes('/userassignedidentities/') ? answer : withIdentities({ [uami]: {} }),
    ).directory.read(ID);

  test('is read', async () => {
    expect((await read({ properties: { principalId: OWN } }))?.identities[1]).toEqual({
      principalId: OWN.toLowerCase(),
      resourceId: uami.toLowerCase(),
    });
  });

  test.each([
    ['is refused', new Response('{}', { status: 403 }), 5],
    ['is throttled', new Response('{}', { status: 429, headers: { 'retry-after': '40' } }), 40],
    ['has no principal', { properties: {} }, 5],
    ['has an empty principal', { properties: { principalId: '' } }, 5],
  ])('is not there where it %s, and keeps no others out', async (_, answer, retryAfter) => {
    const error = await read(answer).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'unavailable',
      message: 'an identity of the machine can not be read',
      retryAfter,
    });
    expect(isOfResourceOnly(error)).toBe(true);
  });

  test.each([
    ['more than 64 KiB', { properties: { principalId: OWN }, more: 'x'.repeat(64 * 1024) }],
    ['no JSON', new Response('x')],
  ])('is not there where it has %s', async (_, answer) => {
    await expect(read(answer)).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('a list', () => {
  const pageOf = (count: number) =>
    Array.from({ length: count }, (_, i) => ({
      ...machine(),
      id: `${group}/Microsoft.Compute/virtualMachines/vm-${i}`,
      properties: { vmId: '00000000-0000-4000-8000-0000000000ff' },
    }));

  test.each([
    ['subscription', 'findInSubscription', SUBSCRIPTION],
    ['scale set', 'findInSet', SET],
  ] as const)('of a %s ends after 20,000 machines', async (where, method, scope) => {
    const { directory, asked } = directoryOver((url) => ({
      value: pageOf(5000),
      nextLink: `${MANAGEMENT}${url.pathname}?page=${asked.length}`,
    }));
    const find = (): Promise<unknown> =>
      method === 'findInSet'
        ? directory.findInSet(SET, OWN)
        : directory.findInSubscription(String(scope), OWN);
    await expect(find()).rejects.toThrow(`the ${where} has too many machines to look for one`);
    expect(asked).toHaveLength(5);
  });

  test('passes over machines of other ids and ids that are none', async () => {
    const wanted = machine({ properties: { vmId: OWN } });
    const { directory } = directoryOver(() => ({
      value: [
        ...pageOf(2),
        machine({ id: 'x', properties: { vmId: OWN } }),
        machine({ id: undefined, properties: { vmId: OWN } }),
        machine({ properties: {} }),
        wanted,
      ],
    }));
    const found = await directory.findInSubscription(SUBSCRIPTION, OWN.toLowerCase());
    expect(found?.id).toEqual(ID);
  });
});

describe('a failure', () => {
  const failing = (status: number, headers: Record<string, string> = {}) =>
    directoryOver(() => Response.json({ error: { code: 'x', message: 'x' } }, { status, headers }))
      .directory.read(ID)
      .catch((error: unknown) => error);

  test.each([
    [400, undefined, 5, true],
    [403, undefined, 30, true],
    [403, '90', 90, true],
    [409, undefined, 5, true],
    [429, undefined, 30, false],
    [429, '17', 17, false],
    [500, undefined, 5, false],
    [503, '60', 60, false],
  ])(
    '%i with Retry-After %j: again in %i s, of one thing only: %s',
    async (status, asked, retryAfter, one) => {
      const error = await failing(status, asked === undefined ? {} : { 'retry-after': asked });
      const what =
        status === 403
          ? "the broker's identity may not read this machine"
          : 'the management API can not be asked now';
      expect(error).toMatchObject({
        code: 'unavailable',
        message: `${what} (status ${status})`,
        retryAfter,
      });
      expect(isOfResourceOnly(error)).toBe(one);
    },
  );

  test('without an answer has no status', async () => {
    const { directory } = directoryOver(() => Promise.reject(new TypeError('fetch failed')));
    const error = await directory.read(ID).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'unavailable',
      message: 'the management API can not be asked now',
      retryAfter: 5,
    });
    expect(isOfResourceOnly(error)).toBe(false);
  });

  test('404 is an answer', async () => {
    expect(await failing(404)).toBeUndefined();
  });
});
