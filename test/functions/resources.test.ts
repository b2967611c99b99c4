import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { botExample, joinToken } from '../broker/fixtures.ts';
import { type SignedIn, signIn } from '../broker/operators.ts';
import { createTestBroker, type TestBroker } from '../broker/test-broker.ts';

const BOTS = '/v1/resources/bot';
const EXAMPLE = '/v1/resources/bot/example';
const CREATE = { 'if-none-match': '*' };
const SUBSCRIPTION = '00000000-0000-4000-8000-000000000001';

function newAdmin(): { api: TestBroker; admin: SignedIn } {
  const api = createTestBroker();
  return { api, admin: signIn(api, 'JoinBroker.Admin') };
}

const bot = (name: string, spec: object = {}): object => ({
  ...botExample(spec),
  metadata: { name },
});

/** As the broker shows it: with its revision. */
const stored = (resource: object): object => ({
  ...resource,
  metadata: { ...(resource as { metadata: object }).metadata, revision: expect.any(String) },
});

describe('PUT', () => {
  test('with If-None-Match: * creates: 201, the resource and its ETag', async () => {
    const { admin } = newAdmin();
    const answer = await admin.request('PUT', EXAMPLE, { body: botExample(), headers: CREATE });
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual(stored(botExample()));
    const found = await admin.request('GET', EXAMPLE);
    expect(found.body).toEqual(answer.body);
    expect(found.headers.get('etag')).toBe(answer.headers.get('etag'));
  });

  test('with If-None-Match: * refuses what exists already: 409', async () => {
    const { admin } = newAdmin();
    await admin.request('PUT', EXAMPLE, { body: botExample(), headers: CREATE });
    const body = botExample({ roles: ['editor'] });
    expect(await admin.request('PUT', EXAMPLE, { body, headers: CREATE })).toBeProblem(
      'already_exists',
    );
    expect((await admin.request('GET', EXAMPLE)).body).toEqual(stored(botExample()));
  });

  test('creates once where twenty try at once', async () => {
    const { admin } = newAdmin();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        admin.request('PUT', EXAMPLE, { body: botExample(), headers: CREATE }),
      ),
    );
    const statuses = answers.map(({ status }) => status).toSorted();
    expect(statuses).toEqual([201, ...Array.from({ length: 19 }, () => 409)]);
  });

  test.each(['the ETag', '*'])('with If-Match: %s replaces: 200, and a new ETag', async (which) => {
    const { admin } = newAdmin();
    const made = await admin.request('PUT', EXAMPLE, { body: botExample(), headers: CREATE });
    const etag = made.headers.get('etag') ?? '';
    const body = botExample({ roles: ['editor'] });
    const headers = { 'if-match': which === '*' ? '*' : etag };
    const answer = await admin.request('PUT', EXAMPLE, { body, headers });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('etag')).not.toBe(etag);
    expect((await admin.request('GET', EXAMPLE)).body).toEqual(stored(body));
  });

  test('with an ETag of before refuses what was changed since: 412', async () => {
    const { admin } = newAdmin();
    const made = await admin.request('PUT', EXAMPLE, { body: botExample(), headers: CREATE });
    const headers = { 'if-match': made.headers.get('etag') };
    await admin.request('PUT', EXAMPLE, { body: botExample({ roles: ['editor'] }), headers });
    const late = await admin.request('PUT', EXAMPLE, { body: botExample({ roles: [] }), headers });
    expect(late).toBeProblem('precondition_failed');
    expect((await admin.request('GET', EXAMPLE)).body).toEqual(
      stored(botExample({ roles: ['editor'] })),
    );
  });

  test('with one ETag replaces once where twenty try at once', async () => {
    const { admin } = newAdmin();
    const made = await admin.request('PUT', EXAMPLE, { body: botExample(), headers: CREATE });
    const headers = { 'if-match': made.headers.get('etag') };
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        admin.request('PUT', EXAMPLE, { body: botExample(), headers }),
      ),
    );
    const statuses = answers.map(({ status }) => status).toSorted();
    expect(statuses).toEqual([200, ...Array.from({ length: 19 }, () => 412)]);
  });

  test('with the revision of before refuses what was changed since, whatever If-Match says: 412', async () => {
    const { admin } = newAdmin();
    await admin.request('PUT', EXAMPLE, { body: botExample(), headers: CREATE });
    const { body: before } = await admin.request('GET', EXAMPLE);
    const headers = { 'if-match': '*' };
    const edited = { ...(before as object), spec: { roles: ['auditor'] } };
    expect((await admin.request('PUT', EXAMPLE, { body: edited, headers })).status).toBe(200);
    expect(await admin.request('PUT', EXAMPLE, { body: edited, headers })).toBeProblem(
      'precondition_failed',
      'metadata.revision',
    );
    const dry = `${EXAMPLE}?dry_run=true`;
    expect(await admin.request('PUT', dry, { body: edited, headers })).toBeProblem(
      'precondition_failed',
      'metadata.revision',
    );
  });

  test('with a revision creates what is not there: a backup', async () => {
    const { admin } = newAdmin();
    const body = { ...botExample(), metadata: { name: 'example', revision: 'of-another-broker' } };
    const made = await admin.request('PUT', EXAMPLE, { body, headers: CREATE });
    expect(made.status).toBe(201);
    expect(made.body).toEqual(stored(botExample()));
    expect(made.body).not.toEqual(body);
  });

  test.each([
    ['no condition', {}],
    ['both conditions', { 'if-none-match': '*', 'if-match': '*' }],
    ['an ETag for If-None-Match', { 'if-none-match': '"1"' }],
  ])('with %s: 428', async (_, headers) => {
    const { admin } = newAdmin();
    const answer = await admin.request('PUT', EXAMPLE, { body: botExample(), headers });
    expect(answer).toBeProblem('precondition_required');
  });

  test('with If-Match of what does not exist: 404', async () => {
    const { admin } = newAdmin();
    const headers = { 'if-match': '*' };
    const answer = await admin.request('PUT', EXAMPLE, { body: botExample(), headers });
    expect(answer).toBeProblem('not_found');
  });

  test.each([
    ['another name than its address', bot('another'), 'metadata.name'],
    ['another case than its address', bot('Example'), 'metadata.name'],
    [
      'another kind than its address',
      joinToken({ name: 'example', allow: [{ subscription: SUBSCRIPTION }] }),
      'kind',
    ],
    ['a kind that there is not', { ...botExample(), kind: 'user' }, 'kind'],
    ['another version', { ...botExample(), version: 'v2' }, 'version'],
    ['an unknown field', { ...botExample(), stat: {} }, 'stat'],
    ['no spec', { ...botExample(), spec: undefined }, 'spec'],
    [
      'labels that are no text',
      { ...botExample(), metadata: { name: 'example', labels: { a: 1 } } },
      'metadata.labels.a',
    ],
    [
      'a description with a line feed',
      { ...botExample(), metadata: { name: 'example', description: 'a\nb' } },
      'metadata.description',
    ],
    ['a role that is no name', botExample({ roles: ['a/b'] }), 'spec.roles[0]'],
    [
      '33 roles',
      botExample({ roles: Array.from({ length: 33 }, (_, i) => `r${i}`) }),
      'spec.roles',
    ],
    [
      'a trait without values',
      botExample({ traits: [{ name: 'logins' }] }),
      'spec.traits[0].values',
    ],
    [
      'an expiry without a time',
      { ...botExample(), metadata: { name: 'example', expires: '2026-11-20' } },
      'metadata.expires',
    ],
  ])('refuses %s, and names the field', async (_, body, field) => {
    const { admin } = newAdmin();
    const answer = await admin.request('PUT', EXAMPLE, { body, headers: CREATE });
    expect(answer).toBeProblem('bad_request', field);
  });

  test('keeps description and labels, and says what it left out', async () => {
    const { admin } = newAdmin();
    const metadata = { name: 'example', description: 'nightly', labels: { env: 'prod' } };
    const body = { ...botExample(), metadata: { ...metadata, id: 1 }, status: {} };
    const made = await admin.request('PUT', EXAMPLE, { body, headers: CREATE });
    expect(made.body).toEqual({
      ...stored({ ...botExample(), metadata }),
      warnings: [
        { field: 'status', message: 'left out: it means nothing here' },
        { field: 'metadata.id', message: 'left out: it means nothing here' },
      ],
    });
    expect((await admin.request('GET', EXAMPLE)).body).toEqual(
      stored({ ...botExample(), metadata }),
    );
  });

  test('refuses what is longer than storage can hold', async () => {
    const { admin } = newAdmin();
    const values = Array.from({ length: 100 }, () => 'x'.repeat(256));
    const traits = ['a', 'b'].map((name) => ({ name, values }));
    const answer = await admin.request('PUT', EXAMPLE, {
      body: botExample({ traits }),
      headers: CREATE,
    });
    expect(answer).toBeProblem('too_large');
  });

  test.each(['role', 'lock', 'token'])('takes the kind %s, too', async (kind) => {
    const specs: Record<string, { version: string; spec: object }> = {
      role: { version: 'v7', spec: { allow: { logins: ['root'] } } },
      lock: { version: 'v2', spec: { target: { bot: 'example' } } },
      token: joinToken({ allow: [{ subscription: SUBSCRIPTION }] }) as {
        version: string;
        spec: object;
      },
    };
    const { admin } = newAdmin();
    const { version, spec } = specs[kind] ?? { version: '', spec: {} };
    const body = { kind, version, metadata: { name: 'one' }, spec };
    const path = `/v1/resources/${kind}/one`;
    expect((await admin.request('PUT', path, { body, headers: CREATE })).status).toBe(201);
    expect((await admin.request('GET', path)).body).toEqual(stored(body));
  });
});

describe('DELETE', () => {
  test('removes: 204, then 404', async () => {
    const { admin } = newAdmin();
    await admin.request('PUT', EXAMPLE, { body: botExample(), headers: CREATE });
    const answer = await admin.request('DELETE', EXAMPLE);
    expect(answer.status).toBe(204);
    expect(answer.body).toBe('');
    expect(await admin.request('GET', EXAMPLE)).toBeProblem('not_found');
    expect(await admin.request('DELETE', EXAMPLE)).toBeProblem('not_found');
  });

  test('with an ETag of before refuses: 412; with that of now it removes', async () => {
    const { admin } = newAdmin();
    const made = await admin.request('PUT', EXAMPLE, { body: botExample(), headers: CREATE });
    const stale = { 'if-match': made.headers.get('etag') };
    const replaced = await admin.request('PUT', EXAMPLE, { body: botExample(), headers: stale });
    expect(await admin.request('DELETE', EXAMPLE, { headers: stale })).toBeProblem(
      'precondition_failed',
    );
    const headers = { 'if-match': replaced.headers.get('etag') };
    expect((await admin.request('DELETE', EXAMPLE, { headers })).status).toBe(204);
  });
});

describe('an address', () => {
  test.each(['user', 'Token', 'tokens', '__proto__', 'constructor'])(
    'of kind %s: 404',
    async (kind) => {
      const { admin } = newAdmin();
      expect(await admin.request('GET', `/v1/resources/${kind}`)).toBeProblem('not_found');
      expect(await admin.request('GET', `/v1/resources/${kind}/example`)).toBeProblem('not_found');
    },
  );

  test.each(['..%2fbot', 'a%20b', '-x', 'x'.repeat(64), 'a!b', '%00', 'caf%C3%A9'])(
    'with the name %s: 400',
    async (name) => {
      const { admin } = newAdmin();
      expect(await admin.request('GET', `${BOTS}/${name}`)).toBeProblem('bad_request', 'name');
      expect(await admin.request('DELETE', `${BOTS}/${name}`)).toBeProblem('bad_request', 'name');
    },
  );
});

describe('a list', () => {
  const names = ({ body }: { body: unknown }): string[] =>
    (body as { items: { metadata: { name: string } }[] }).items.map(
      ({ metadata }) => metadata.name,
    );

  test('of a new broker has the preset roles, and nothing of the other kinds', async () => {
    const { admin } = newAdmin();
    expect((await admin.request('GET', BOTS)).body).toEqual({ items: [] });
    await admin.request('PUT', EXAMPLE, { body: botExample(), headers: CREATE });
    expect(names(await admin.request('GET', '/v1/resources/role'))).toEqual([
      'access',
      'auditor',
      'editor',
    ]);
    expect((await admin.request('GET', BOTS)).body).toEqual({ items: [stored(botExample())] });
  });

  test('comes in pages of 100, in the order of names', async () => {
    const { admin } = newAdmin();
    const all = Array.from({ length: 205 }, (_, i) => `bot-${String(i).padStart(3, '0')}`);
    for (const name of all.toReversed()) {
      await admin.request('PUT', `${BOTS}/${name}`, { body: bot(name), headers: CREATE });
    }
    const seen: string[] = [];
    const sizes: number[] = [];
    let next: string | undefined;
    do {
      const page = await admin.request('GET', next === undefined ? BOTS : `${BOTS}?next=${next}`);
      seen.push(...names(page));
      sizes.push(names(page).length);
      next = (page.body as { next?: string }).next;
    } while (next !== undefined);
    expect(seen).toEqual(all);
    expect(sizes).toEqual([100, 100, 5]);
  });

  test('has no further page after exactly 100', async () => {
    const { admin } = newAdmin();
    for (let i = 100; i < 200; i += 1) {
      await admin.request('PUT', `${BOTS}/b${i}`, { body: bot(`b${i}`), headers: CREATE });
    }
    const page = await admin.request('GET', BOTS);
    expect(names(page)).toHaveLength(100);
    expect(page.body).not.toHaveProperty('next');
  });

  test('goes on after a name that is gone', async () => {
    const { admin } = newAdmin();
    for (const name of ['a', 'c']) {
      await admin.request('PUT', `${BOTS}/${name}`, { body: bot(name), headers: CREATE });
    }
    expect(names(await admin.request('GET', `${BOTS}?next=b`))).toEqual(['c']);
  });

  test('refuses a next that is no name', async () => {
    const { admin } = newAdmin();
    const answer = await admin.request('GET', `${BOTS}?next=${encodeURIComponent('a!b')}`);
    expect(answer).toBeProblem('bad_request', 'next');
  });
});
