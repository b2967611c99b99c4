/** Conformance: what an access token must say, and who must have signed it (rows T1, T3, T4 and T5). */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import type { EvidenceOptions } from '../../local/azure/machine.ts';
import type { DenialReason } from '../../shared/protocol/denial-reason.ts';
import { createScene, joinToken, type Scene } from '../broker/fixtures.ts';
import { join } from '../broker/joiner.ts';
import { createClock, NOON } from '../broker/test-broker.ts';

type TokenOptions = Exclude<EvidenceOptions['token'], string | undefined>;

const TOKEN_SECONDS = 86_700;
const SKEW_SECONDS = 60;
const DAY = 24 * 3600;
/** The directory's keys are fetched early once in so many seconds. */
const COOLDOWN_SECONDS = 30;
const at = (seconds: number): Date => new Date(NOON.getTime() + seconds * 1000);
const unix = (seconds: number): number => at(seconds).getTime() / 1000;
const claims = (values: Record<string, unknown>) => (): TokenOptions => ({ claims: values });

describe('T1 admits', () => {
  test.each([
    ['a token of version 1', {}],
    ['a token of version 2', { version: 2 }],
    ['the audience with its slash', { resource: 'https://management.azure.com/' }],
    ['the audience without its slash', { resource: 'https://management.azure.com' }],
    ['a day-old token', { issuedAt: at(-DAY) }],
    [
      'a token that has expired for as long as clocks may differ',
      { issuedAt: at(1 - TOKEN_SECONDS - SKEW_SECONDS) },
    ],
    ['a token that begins as much later', { issuedAt: at(SKEW_SECONDS) }],
  ] satisfies [string, TokenOptions][])('%s', async (_, token) => {
    const { api, vm } = await createScene();
    expect(await join(api, vm, { evidence: { token } })).toBeAdmitted();
  });

  test.each([
    ['https://management.azure.com', 'https://management.azure.com', 'admits'],
    ['https://management.azure.com', 'https://management.azure.com/', 'denies'],
    ['https://management.azure.com/', 'https://management.azure.com', 'denies'],
    ['api://join-broker,https://vault.azure.net', 'https://vault.azure.net', 'admits'],
    ['api://join-broker,https://vault.azure.net', 'https://management.azure.com/', 'denies'],
  ])('where the setting says %s: %s (%s)', async (setting, resource, decision) => {
    const { api, vm } = await createScene({ settings: { JOIN_BROKER_AUDIENCES: setting } });
    const attempt = await join(api, vm, { evidence: { token: { resource } } });
    if (decision === 'admits') expect(attempt).toBeAdmitted();
    else expect(attempt).toBeDenied(api, 'access_token_audience');
  });
});

type Row = readonly [name: string, token: (scene: Scene) => TokenOptions, reason: DenialReason];

const T3: readonly Row[] = [
  [
    'that has expired',
    () => ({ issuedAt: at(-TOKEN_SECONDS - SKEW_SECONDS - 1) }),
    'access_token_times',
  ],
  ['that is not yet valid', claims({ nbf: unix(SKEW_SECONDS + 1) }), 'access_token_times'],
  ['without exp', claims({ exp: null }), 'access_token_times'],
  ['without nbf', claims({ nbf: null }), 'access_token_times'],
  ['without iat', claims({ iat: null }), 'access_token_times'],
  ['with an exp that is text', claims({ exp: 'tomorrow' }), 'access_token_times'],
  [
    'for another audience',
    () => ({ resource: 'https://vault.azure.net' }),
    'access_token_audience',
  ],
  [
    'for an audience that ours begins',
    () => ({ resource: 'https://management.azure.com.evil.example/' }),
    'access_token_audience',
  ],
  ['without an audience', claims({ aud: null }), 'access_token_audience'],
  ['of another issuer', claims({ iss: 'https://evil.example/' }), 'access_token_issuer'],
  [
    "of another cloud's issuer",
    ({ api }) => ({ claims: { iss: `https://sts.chinacloudapi.cn/${api.tenant.id}/` } }),
    'access_token_issuer',
  ],
  [
    'whose issuer lacks its slash',
    ({ api }) => ({ claims: { iss: api.tenant.issuer(1).slice(0, -1) } }),
    'access_token_issuer',
  ],
  [
    "whose issuer's tenant is not its tid",
    ({ api }) => ({ claims: { iss: api.cloud.tenant().issuer(1) } }),
    'access_token_issuer',
  ],
  ['whose issuer is no text', claims({ iss: ['x'] }), 'access_token_malformed'],
  ['whose tid is no GUID', claims({ tid: 'common' }), 'access_token_malformed'],
  ['whose tid is a path', claims({ tid: '../../evil' }), 'access_token_malformed'],
  ['without a tid', claims({ tid: null }), 'access_token_malformed'],
  ['whose oid is no GUID', claims({ oid: 'me' }), 'access_token_malformed'],
  ['without an oid', claims({ oid: null }), 'access_token_malformed'],
];

const T4: readonly Row[] = [
  ['with alg none', () => ({ alg: 'none' }), 'access_token_algorithm'],
  ['with HS256, keyed with the public key', () => ({ alg: 'HS256' }), 'access_token_algorithm'],
  ['with PS256', () => ({ alg: 'PS256' }), 'access_token_algorithm'],
  ['with ES256', () => ({ alg: 'ES256' }), 'access_token_algorithm'],
  [
    'with HS256 that says it is RS256',
    () => ({ alg: 'HS256', header: { alg: 'RS256' } }),
    'access_token_signature',
  ],
  ['without a kid', () => ({ header: { kid: null } }), 'access_token_algorithm'],
  ['with an empty kid', () => ({ header: { kid: '' } }), 'access_token_algorithm'],
  [
    'with a kid of 10,000 letters',
    () => ({ header: { kid: 'k'.repeat(10_000) } }),
    'access_token_algorithm',
  ],
  ['with an unknown crit', () => ({ header: { crit: ['x'], x: 1 } }), 'access_token_malformed'],
  ['with a changed signature', () => ({ changedSignature: true }), 'access_token_signature'],
];

const T5: readonly Row[] = [
  ['of a user', claims({ idtyp: 'user' }), 'access_token_not_machine'],
  ['with scopes', claims({ scp: 'user_impersonation' }), 'access_token_not_machine'],
  ['of a service principal with a secret', claims({ appidacr: '1' }), 'access_token_not_machine'],
  ['of a public client', claims({ azpacr: '0' }), 'access_token_not_machine'],
  [
    "signed with another tenant's key",
    ({ api }) => ({ signedBy: api.cloud.tenant() }),
    'access_token_signature',
  ],
  [
    "signed with another tenant's key under our tenant's kid",
    ({ api }) => ({ signedBy: api.cloud.tenant(), header: { kid: api.tenant.signingKey.kid } }),
    'access_token_signature',
  ],
];

async function joinWith(token: (scene: Scene) => TokenOptions) {
  const scene = await createScene({ clock: createClock(at(-COOLDOWN_SECONDS)) });
  scene.api.clock.advance(COOLDOWN_SECONDS);
  const attempt = await join(scene.api, scene.vm, { evidence: { token: token(scene) } });
  expect(scene.api.cloud.calls.count('elsewhere')).toBe(0);
  return { api: scene.api, attempt };
}

describe.each([
  ['T3', T3],
  ['T4', T4],
  ['T5', T5],
])('%s denies a token', (_, rows) => {
  test.each(rows)('%s', async (_name, token, reason) => {
    const { api, attempt } = await joinWith(token);
    expect(attempt).toBeDenied(api, reason);
    expect(api.cloud.calls.count('management')).toBe(0);
  });
});

describe("T4 denies a stranger's token whose header points at the stranger's key by", () => {
  test.each([
    ['jku', { jku: 'https://evil.example/keys' }],
    ['x5u', { x5u: 'https://evil.example/certificate.pem' }],
  ])('%s', async (_, header) => {
    const { api, attempt } = await joinWith(({ api: { cloud, tenant } }) => ({
      signedBy: cloud.stranger,
      header: { ...header, kid: tenant.signingKey.kid },
    }));
    expect(attempt).toBeDenied(api, 'access_token_signature');
  });

  test.each(['kept', 'replaced by ours'])('jwk and x5c, the kid %s', async (kid) => {
    const { api, attempt } = await joinWith(({ api: { cloud, tenant } }) => {
      const { jwk } = cloud.stranger.signingKey;
      const ours = kid === 'kept' ? {} : { kid: tenant.signingKey.kid };
      return { signedBy: cloud.stranger, header: { jwk, x5c: jwk['x5c'], ...ours } };
    });
    expect(attempt).toBeDenied(api, 'access_token_signature');
  });
});

describe('T3 a token of a tenant that neither rules nor settings know', () => {
  test('is denied, and its directory is not asked', async () => {
    const { api } = await createScene();
    const vm = api.cloud
      .tenant()
      .subscription()
      .virtualMachine('vm-b', { resourceGroup: 'group1', systemAssigned: true });
    await api.put(joinToken({ allow: [{ subscription: vm.subscription.id }] }));
    api.cloud.calls.clear();
    expect(await join(api, vm)).toBeDenied(api, 'access_token_tenant');
    expect(api.cloud.calls.all).toEqual([]);
  });

  test("is denied, although another join token's rule names it", async () => {
    const { api } = await createScene();
    const tenant = api.cloud.tenant();
    const vm = tenant
      .subscription()
      .virtualMachine('vm-b', { resourceGroup: 'group1', systemAssigned: true });
    await api.put(joinToken({ allow: [{ subscription: vm.subscription.id }] }));
    await api.put(joinToken({ name: 'other-bot', allow: [{ tenant: tenant.id }] }));
    expect(await join(api, vm)).toBeDenied(api, 'access_token_tenant');
  });
});

describe('T3 denies what is no token:', () => {
  test.each([
    ['nothing', ''],
    ['a word', 'token'],
    ['two dots', '..'],
    ['a token of two parts', 'e30.e30'],
    ['a token of five parts', 'e30.e30.e30.e30.e30'],
  ])('%s', async (_, token) => {
    const { api, vm } = await createScene();
    const attempt = await join(api, vm, { evidence: { token } });
    expect(attempt.status).toBe(403);
    expect(api.audit.at(-1)).toMatchObject({
      reason: expect.stringMatching(/^access_token_(malformed|algorithm)$/),
    });
  });

  /** The last letter of base64url whose spare bits are not all zero: it decodes to the same bytes. */
  const withStrayBits = (part: string): string => {
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    return part.slice(0, -1) + letters[letters.indexOf(part.slice(-1)) + 1];
  };
  const inPart = (at: number, bend: (part: string) => string) => (token: string) =>
    token
      .split('.')
      .map((part, i) => (i === at ? bend(part) : part))
      .join('.');
  const bends: readonly (readonly [name: string, bend: (part: string) => string])[] = [
    ['padding', (part) => `${part}${'='.repeat((4 - (part.length % 4)) % 4 || 4)}`],
    ['a space in front', (part) => ` ${part}`],
    ['a line feed in it', (part) => `${part.slice(0, 8)}\n${part.slice(8)}`],
    ['the other alphabet', (part) => `${part.replaceAll('-', '+').replaceAll('_', '/')}+`],
  ];

  test.each([0, 1, 2].flatMap((part) => bends.map(([name, bend]) => ({ part, name, bend }))))(
    'another text of a good token: part $part with $name',
    async ({ part, bend }) => {
      const { api, vm } = await createScene();
      const token = inPart(part, bend)(vm.accessToken());
      expect(await join(api, vm, { evidence: { token } })).toBeDenied(
        api,
        'access_token_malformed',
      );
    },
  );

  test('another text of a good token: a signature with stray bits', async () => {
    const { api, vm } = await createScene();
    // 256 bytes leave four spare bits.
    const token = inPart(2, withStrayBits)(vm.accessToken());
    expect(await join(api, vm, { evidence: { token } })).toBeDenied(api, 'access_token_malformed');
  });

  test.each([
    ['header', 0, (text: string) => text.replace('{', '{"alg":"none",')],
    ['claims', 1, (text: string) => text.replace('{', '{"tid":"x",')],
  ] as const)('%s that say a name twice', async (_, part, bend) => {
    const { api, vm } = await createScene();
    const token = inPart(part, (text) =>
      Buffer.from(bend(Buffer.from(text, 'base64url').toString())).toString('base64url'),
    )(vm.accessToken());
    expect(await join(api, vm, { evidence: { token } })).toBeDenied(api, 'access_token_malformed');
  });

  test('more than 16,384 characters', async () => {
    const { api, vm } = await createScene();
    const attempt = await join(api, vm, { evidence: { token: 'x'.repeat(16_385) } });
    expect(attempt).toBeProblem('bad_request', 'azure.access_token');
  });
});

test('T3 no token reaches the audit log: its SHA-256 does', async () => {
  const { api, vm } = await createScene();
  const attempt = await join(api, vm);
  const { azure } = attempt.sent as { azure: { access_token: string } };
  await join(api, vm, { evidence: { token: azure.access_token.slice(0, -8) } });
  const log = JSON.stringify(api.audit);
  for (const part of azure.access_token.split('.')) expect(log).not.toContain(part);
  expect(api.audit.at(-2)).toMatchObject({
    access_token_sha256: createHash('sha256').update(azure.access_token).digest('hex'),
    access_token_uti: claimsOf(azure.access_token)['uti'],
  });
});

const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

test.each([null, 7, 'x\ny', ''])('T1 a token whose uti is %j is as good', async (uti) => {
  const { api, vm } = await createScene();
  expect(await join(api, vm, { evidence: { token: { claims: { uti } } } })).toBeAdmitted();
  expect(api.audit.at(-1)).not.toHaveProperty('access_token_uti');
});

test('T3 the id of a token that nobody verified is not told', async () => {
  const { api, vm } = await createScene();
  await join(api, vm, { evidence: { token: { changedSignature: true } } });
  expect(api.audit.at(-1)).toMatchObject({ reason: 'access_token_signature' });
  expect(api.audit.at(-1)).not.toHaveProperty('access_token_uti');
});
