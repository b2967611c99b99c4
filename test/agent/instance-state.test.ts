/** What an agent goes on as after a restart, and what makes it join afresh. */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { writeFileSet } from '../../agent/file-set.ts';
import {
  type Instance,
  loadInstance,
  STATE_FILE,
  stateFiles,
  storedState,
  tokenInState,
} from '../../agent/instance-state.ts';
import { createLog } from '../../agent/log.ts';
import { temporaryFolder } from './folder.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const pin = (digit: string): string => `sha256:${digit.repeat(64)}`;
const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = key.export({ format: 'pem', type: 'pkcs8' }).toString();

const instance: Instance = {
  broker: 'https://broker.example.com',
  joinMethod: 'azure',
  token: 'example-bot',
  role: 'Bot',
  bot: 'example',
  id: '11111111-1111-4111-8111-111111111111',
  generation: 3,
  key,
  expires: NOON,
  trust: {
    root: pin('a'),
    version: 7,
    cluster: 'test.example.com',
    refreshAfter: '2026-11-20T13:00:00Z',
    pins: [pin('a'), pin('b')],
    configured: [pin('a')],
  },
};
const host: Instance = { ...instance, role: 'Node' };
delete (host as { bot?: string }).bot;

const settings = {
  broker: instance.broker,
  joinMethod: 'azure',
  token: 'example-bot',
} as const;
const HOST = { ...settings, host: { role: 'Node' } as never };

interface Stored {
  readonly of?: Instance;
  readonly files?: Readonly<Record<string, string>>;
  readonly changed?: (state: Record<string, unknown>) => object;
}

async function load(stored: Stored | undefined, wanted: object = {}) {
  const directory = await temporaryFolder();
  if (stored) {
    const { of = instance, files = {}, changed } = stored;
    const [[, text = ''] = []] = stateFiles(of);
    const state = changed ? JSON.stringify(changed(JSON.parse(text))) : text;
    const all = { [of.role === 'Bot' ? 'key' : 'tlskey']: pem, [STATE_FILE]: state, ...files };
    await writeFileSet(directory, new Map(Object.entries(all)), NOON);
  }
  const lines: string[] = [];
  const log = createLog({
    format: 'text',
    debug: false,
    write: (line) => lines.push(line.replace(directory, 'DIR')),
    now: () => NOON,
  });
  const loaded = await loadInstance({ ...settings, ...wanted }, directory, log);
  return { loaded, lines, directory };
}

describe('an agent goes on as', () => {
  test('the bot that it was', async () => {
    const { loaded, lines } = await load({});
    expect(loaded && { ...loaded, key: loaded.key.equals(key) }).toEqual({
      ...instance,
      key: true,
    });
    expect(lines).toEqual([]);
  });

  test('the host that it was, whose key lies under another name', async () => {
    const { loaded } = await load({ of: host }, HOST);
    expect(loaded && { ...loaded, key: loaded.key.equals(key) }).toStrictEqual({
      ...host,
      key: true,
      trust: expect.objectContaining(host.trust),
    });
  });

  test('nobody, and says nothing, where there is no state', async () => {
    expect(await load(undefined)).toMatchObject({ loaded: undefined, lines: [] });
  });
});

describe('an agent joins afresh, and says why, where', () => {
  test.each<[string, Stored, object, string]>([
    ['the broker is another one', {}, { broker: 'https://b.example' }, 'is of another broker'],
    ['the join token is another one', {}, { token: 'other' }, 'is of another token'],
    ['the join method is another one', {}, { joinMethod: 'iam' }, 'is of another join method'],
    ['it was a host', { of: host, files: { key: pem } }, {}, 'is of a Node'],
    ['it was a bot', { files: { tlskey: pem } }, HOST, 'is of a Bot'],
    ['its key is none', { files: { key: 'x' } }, {}, 'its key is not a private key'],
    ['its state is no JSON', { files: { [STATE_FILE]: '{' } }, {}, 'expected JSON'],
    [
      'its state has a field that is not known',
      { changed: (state) => ({ ...state, more: 1 }) },
      {},
      "can't be read",
    ],
    [
      'its state is of another version',
      { changed: (state) => ({ ...state, version: 1 }) },
      {},
      'version',
    ],
    [
      'its trust has no root that is a pin',
      { changed: (state) => ({ ...state, trust: { ...instance.trust, root: 'sha256:x' } }) },
      {},
      'trust.root',
    ],
  ])('%s', async (_, stored, wanted, why) => {
    const { loaded, lines } = await load(stored, wanted);
    expect(loaded).toBeUndefined();
    expect(lines).toEqual([expect.stringContaining('joining afresh: the state in DIR')]);
    expect(lines[0]).toContain(why);
  });
});

test('a state without a role is that of a bot: older agents wrote none', async () => {
  const { loaded } = await load({ changed: ({ role: _, ...state }) => state });
  expect(loaded).toMatchObject({ role: 'Bot', generation: 3 });
});

test('for people it says whose it is, and which token', async () => {
  const { directory } = await load({});
  expect(await storedState(directory)).toEqual({
    id: instance.id,
    generation: 3,
    owner: 'bot example',
    broker: instance.broker,
    join_method: 'azure',
    join_token: 'example-bot',
    ca_pin: pin('a'),
  });
  expect(await storedState((await load({ of: host }, HOST)).directory)).toMatchObject({
    owner: 'Node',
  });
  expect(await storedState(await temporaryFolder())).toBeUndefined();
  expect(
    await storedState((await load({ files: { [STATE_FILE]: '{' } })).directory),
  ).toBeUndefined();
  const [[, text = ''] = []] = stateFiles(instance);
  expect(tokenInState(text)).toBe('example-bot');
  expect(tokenInState('{}')).toBeUndefined();
});
