import { describe, expect, test } from 'vitest';
import { createAzureMachineDirectory } from '../../../../shared/attestation/azure/azure-machine-directory.ts';
import { isOfResourceOnly } from '../../../../shared/attestation/azure/machine-directory.ts';

const SUBSCRIPTION = '00000000-0000-4000-8000-000000000001';
const MANAGEMENT = 'https://management.example';
const ID = { kind: 'vm', subscription: SUBSCRIPTION, group: 'group1', vm: 'vm-a' } as const;
const SET = { kind: 'set', subscription: SUBSCRIPTION, group: 'group1', set: 'set-a' } as const;
const group = `/subscriptions/${SUBSCRIPTION}/resourceGroups/group1/providers`;
const OWN = '00000000-0000-4000-8000-00000000000A';

/** A directory whose management API answers what this says. */
function directoryOver(answer: (url: URL) => unknown) {
  const asked: URL[] = [];
  const redirects: unknown[] = [];
  const directory = createAzureMachineDirectory({
    management: MANAGEMENT,
    audience: MANAGEMENT,
    credential: { getToken: async () => ({ token: 'secret', expiresOnTimestamp: 4e12 }) },
    fetch: async (input, init) => {
      const url = new URL(String(input));
      asked.push(url);
      redirects.push(init?.redirect);
      const said = answer(url);
      return said instanceof Response ? said : Response.json(said);
    },
  });
  return { directory, asked, redirects };
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
    expect(error).toMatchObject({ code: 'unavailable', retryAfter });
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
    ['a subscription', 'findInSubscription', SUBSCRIPTION],
    ['a scale set', 'findInSet', SET],
  ] as const)('of %s ends after 20,000 machines', async (_, method, scope) => {
    const { directory, asked } = directoryOver((url) => ({
      value: pageOf(5000),
      nextLink: `${MANAGEMENT}${url.pathname}?page=${asked.length}`,
    }));
    const find = (): Promise<unknown> =>
      method === 'findInSet'
        ? directory.findInSet(SET, OWN)
        : directory.findInSubscription(String(scope), OWN);
    await expect(find()).rejects.toThrow('too many machines to look for one');
    expect(asked).toHaveLength(5);
  });

  test('passes over machines of other ids and ids that are none', async () => {
    const wanted = machine({ properties: { vmId: OWN } });
    const { directory } = directoryOver(() => ({
      value: [...pageOf(2), machine({ id: 'x', properties: { vmId: OWN } }), wanted],
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
      expect(error).toMatchObject({ code: 'unavailable', retryAfter });
      expect(isOfResourceOnly(error)).toBe(one);
    },
  );

  test('404 is an answer', async () => {
    expect(await failing(404)).toBeUndefined();
  });
});
