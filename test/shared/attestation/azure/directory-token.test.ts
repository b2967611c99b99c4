import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  type DirectoryTokenChecks,
  readToken,
  verifyDirectoryToken,
} from '../../../../shared/attestation/azure/directory-token.ts';
import {
  base64url,
  CHECKS,
  claimsOf,
  DIRECTORY_KEY,
  HEADER,
  NOON,
  OID,
  OTHER_TENANT,
  TENANT,
  tokenOf,
} from './directory-tokens.ts';

const NOW = NOON.getTime() / 1000;

const verifyText = (jwt: string, checks: Partial<DirectoryTokenChecks> = {}) =>
  verifyDirectoryToken(readToken(jwt), { ...CHECKS, ...checks });
const verify = (claims: object = {}, header: unknown = HEADER) =>
  verifyText(tokenOf(JSON.stringify(claimsOf(claims)), header));
const refused = (reason: string, message: unknown, more: object = {}) => ({
  code: 'access_denied',
  reason: `access_token_${reason}`,
  message,
  ...more,
});

test('says of which tenant and principal it is, and all else that it says', async () => {
  const payload = claimsOf({ more: [1] });
  expect(await verifyText(tokenOf(JSON.stringify(payload)))).toEqual({
    tenant: TENANT,
    oid: OID,
    payload,
  });
});

test('writes ids in any case, and they are told in lower case', async () => {
  const written = { tid: TENANT.toUpperCase(), oid: OID.toUpperCase() };
  expect(await verify(written)).toMatchObject({ tenant: TENANT, oid: OID });
});

describe('is malformed', () => {
  const [header = '', payload = '', signature = ''] = tokenOf(JSON.stringify(claimsOf())).split(
    '.',
  );
  const parts = 'the token is not three parts in base64url';

  test.each([
    ['with nothing', '', parts],
    ['with two parts', `${header}.${payload}`, parts],
    ['with four parts', `${header}.${payload}.${signature}.${signature}`, parts],
    ['with an empty fourth part', `${header}.${payload}.${signature}.`, parts],
    ['with padding', `${header}.${payload}.${signature}==`, parts],
    ['with a header in another alphabet', `${header}+.${payload}.${signature}`, parts],
    ['with claims in another alphabet', `${header}.${payload}/.${signature}`, parts],
    ['with a signature in another alphabet', `${header}.${payload}.${signature}+`, parts],
    [
      'with a header that is no JSON',
      `${base64url('x')}.${payload}.${signature}`,
      'a part of the token is not JSON text',
    ],
    [
      'with claims that are no UTF-8',
      `${header}.${base64url(Buffer.of(0x22, 0xff, 0x22))}.${signature}`,
      'a part of the token is not UTF-8',
    ],
    [
      'with a claim that stands twice',
      `${header}.${base64url('{"tid":1,"tid":2}')}.${signature}`,
      'a part of the token is not every name once in its object',
    ],
    [
      'with claims that are nested too deep',
      `${header}.${base64url('['.repeat(9) + ']'.repeat(9))}.${signature}`,
      'a part of the token is not JSON that is at most 8 objects and arrays deep',
    ],
  ])('%s', (_, jwt, message) => {
    expect(() => readToken(jwt)).toThrow(expect.objectContaining(refused('malformed', message)));
  });

  test.each([[['exp']], [[]], [null], ['']])(
    'with a header that demands %j to be understood',
    async (crit) => {
      await expect(verify({}, { ...HEADER, crit })).rejects.toMatchObject(
        refused('malformed', "the token's header demands what is not known here"),
      );
    },
  );

  test.each([
    ['tid', 7],
    ['tid', 'common'],
    ['oid', undefined],
    ['oid', `${OID}0`],
    ['iss', ['https://d/']],
  ])('with the claim %s as %j', async (name, value) => {
    await expect(verify({ [name]: value })).rejects.toMatchObject(
      refused('malformed', `the token's claim ${name} is not as expected`),
    );
  });
});

test.each<[string, unknown, string]>([
  ['another algorithm', { ...HEADER, alg: 'RS384' }, 'alg'],
  ['none', { ...HEADER, alg: 'none' }, 'alg'],
  ['one with a shared secret', { ...HEADER, alg: 'HS256' }, 'alg'],
  ['no key id', { alg: 'RS256' }, 'kid'],
  ['an empty key id', { ...HEADER, kid: '' }, 'kid'],
  ['a key id of 257 characters', { ...HEADER, kid: 'x'.repeat(257) }, 'kid'],
  ['a header that is no object', 'RS256', ''],
])('is refused for its header: %s', async (_, header, field) => {
  await expect(verify({}, header)).rejects.toMatchObject(
    refused('algorithm', `the token's header is not as Azure writes it (${field})`),
  );
});

test('names its key by up to 256 characters', async () => {
  await expect(verify({}, { ...HEADER, kid: 'x'.repeat(256) })).resolves.toBeDefined();
});

describe('whose keys are asked for', () => {
  const asking = () => {
    const asked: unknown[] = [];
    const find: DirectoryTokenChecks['keys']['find'] = async (...question) => {
      asked.push(question);
      return DIRECTORY_KEY;
    };
    return { asked, keys: { find } };
  };

  test("are the token's own tenant's, by the key's id, as of now", async () => {
    const { asked, keys } = asking();
    await verifyText(tokenOf(JSON.stringify(claimsOf())), { keys });
    expect(asked).toEqual([[TENANT, 'key', NOON]]);
  });

  test.each<[string, object, object]>([
    [
      'a tenant that nobody names',
      { tid: OTHER_TENANT, iss: `https://d/${OTHER_TENANT}` },
      refused('tenant', 'the token is of a tenant that neither join token nor settings name', {
        about: { claimed_tenant: OTHER_TENANT },
      }),
    ],
    [
      'another issuer',
      { iss: `https://evil.example/${TENANT}` },
      refused('issuer', "the token's issuer is not its tenant's directory"),
    ],
    [
      "another tenant's issuer",
      { iss: `https://d/${OTHER_TENANT}` },
      refused('issuer', "the token's issuer is not its tenant's directory"),
    ],
    [
      'more after its issuer',
      { iss: `https://d/${TENANT}/` },
      refused('issuer', "the token's issuer is not its tenant's directory"),
    ],
  ])("are nobody's for a token of %s", async (_, claims, refusal) => {
    const { asked, keys } = asking();
    const jwt = tokenOf(JSON.stringify(claimsOf(claims)));
    await expect(verifyText(jwt, { keys })).rejects.toMatchObject(refusal);
    expect(asked).toEqual([]);
  });

  test('may be of any of several tenants, in any of several forms of the issuer', async () => {
    const jwt = tokenOf(
      JSON.stringify(claimsOf({ tid: OTHER_TENANT, iss: `https://d/${OTHER_TENANT}/v2.0` })),
    );
    const more = {
      tenants: [TENANT, OTHER_TENANT],
      issuers: ['https://d/{tenant}', 'https://d/{tenant}/v2.0'],
    };
    expect(await verifyText(jwt, more)).toMatchObject({ tenant: OTHER_TENANT });
  });
});

describe('has no good signature', () => {
  test('where the directory does not list its key', async () => {
    const keys = { find: async () => undefined };
    await expect(verifyText(tokenOf(JSON.stringify(claimsOf())), { keys })).rejects.toMatchObject(
      refused('signature', 'the token is signed with a key that the directory does not list'),
    );
  });

  const wrong = refused('signature', 'the token has a signature that does not match');

  test('of another key', async () => {
    const keys = {
      find: async () => generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey,
    };
    const jwt = tokenOf(JSON.stringify(claimsOf()));
    await expect(verifyText(jwt, { keys })).rejects.toMatchObject(wrong);
  });

  test('over other claims or another header', async () => {
    const [header, payload, signature] = tokenOf(JSON.stringify(claimsOf())).split('.');
    const others = base64url(JSON.stringify(claimsOf({ oid: OTHER_TENANT })));
    const otherHeader = base64url(JSON.stringify({ ...HEADER, typ: 'JWT' }));
    for (const jwt of [
      `${header}.${others}.${signature}`,
      `${otherHeader}.${payload}.${signature}`,
    ])
      await expect(verifyText(jwt)).rejects.toMatchObject(wrong);
  });

  test('with another hash', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const [header, payload] = tokenOf(JSON.stringify(claimsOf())).split('.');
    const signature = (hash: string) =>
      base64url(sign(hash, Buffer.from(`${header}.${payload}`), privateKey));
    const keys = { find: async () => publicKey };
    const jwt = `${header}.${payload}.`;
    await expect(verifyText(jwt + signature('sha256'), { keys })).resolves.toBeDefined();
    await expect(verifyText(jwt + signature('sha384'), { keys })).rejects.toMatchObject(wrong);
  });
});

describe('is for an audience', () => {
  test.each([['us'], [['us']], [['others', 'us']], [[7, 'us']]])('%j', async (aud) => {
    await expect(verify({ aud })).resolves.toBeDefined();
  });

  test.each<[unknown, string]>([
    ['others', 'others'],
    ['', ''],
    [undefined, ''],
    [7, '7'],
    [[], ''],
    [[7, null], '7, '],
    [['others', 'more'], 'others, more'],
    ['us,x', 'us,x'],
    ['x'.repeat(201), 'x'.repeat(200)],
  ])('that is not ours: %j, which is told', async (aud, audience) => {
    const checks = { audiences: ['us', 'also us'] };
    const jwt = tokenOf(JSON.stringify(claimsOf({ aud })));
    await expect(verifyText(jwt, checks)).rejects.toMatchObject(
      refused(
        'audience',
        `the token is for audience \`${audience}\`, not for \`us\` or \`also us\``,
        { about: { token_audience: audience } },
      ),
    );
  });

  test.each([[[['us']]], [{ us: 'us' }]])(
    'never by something that only reads like it: %j',
    async (aud) => {
      await expect(verify({ aud })).rejects.toMatchObject({ reason: 'access_token_audience' });
    },
  );
});

describe('is good from a minute before it begins until a minute after it ends', () => {
  test.each([
    ['begins in a minute', { nbf: NOW + 60 }],
    ['ended 59 seconds ago', { exp: NOW - 59 }],
    ['ends within a second', { exp: NOW - 59.5 }],
  ])('where it %s', async (_, times) => {
    await expect(verify(times)).resolves.toBeDefined();
  });

  test.each([
    ['begins in 61 seconds', { nbf: NOW + 61 }, 'the token is not valid yet'],
    ['ended a minute ago', { exp: NOW - 60 }, 'the token has expired'],
  ])('and not where it %s', async (_, times, message) => {
    await expect(verify(times)).rejects.toMatchObject(refused('times', message));
  });

  test('counting whole seconds of our own time', async () => {
    const at = new Date(NOON.getTime() + 999);
    const jwt = tokenOf(JSON.stringify(claimsOf({ exp: NOW - 59 })));
    await expect(verifyText(jwt, { at })).resolves.toBeDefined();
  });

  test.each(['exp', 'nbf', 'iat'])('and not where its %s is no time', async (name) => {
    for (const value of [undefined, null, `${NOW + 60}`, true, [NOW + 60]])
      await expect(verify({ [name]: value })).rejects.toMatchObject(
        refused('times', `the token's claim ${name} is no time`),
      );
    const endless = JSON.stringify(claimsOf()).replace(
      new RegExp(`"${name}":\\d+`),
      `"${name}":1e999`,
    );
    await expect(verifyText(tokenOf(endless))).rejects.toMatchObject(
      refused('times', `the token's claim ${name} is no time`),
    );
  });
});
