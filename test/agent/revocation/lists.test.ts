/** Revocation lists as a host's agent keeps them, beside the real broker: fetched, written, kept new between renewals. */
import { mkdir, readdir, readFile, readlink, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { destinationsOf, type Held } from '../../../agent/destinations.ts';
import { writeFileSet } from '../../../agent/file-set.ts';
import type { AcceptedLists } from '../../../agent/revocation/accept-lists.ts';
import { parseCrl } from '../../../shared/encoding/crl.ts';
import { parseKrl } from '../../../shared/encoding/krl.ts';
import { decodePem } from '../../../shared/encoding/pem.ts';
import { signIn } from '../../broker/operators.ts';
import { tend } from '../../broker/revoked.ts';
import { createClock, START } from '../clock.ts';
import { temporaryFolder } from '../folder.ts';
import { createHostRig, type HostRig } from '../host-rig.ts';

const MINUTE = 60_000;

const krlIn = async (directory: string) => parseKrl(await readFile(join(directory, 'revoked.krl')));
const crlsIn = async (directory: string) =>
  (decodePem('X509 CRL', await readFile(join(directory, 'tls.crl'), 'utf8')) ?? []).map((der) =>
    parseCrl(der),
  );
const revokedIn = async (directory: string) =>
  (await crlsIn(directory)).reduce((sum, { revoked }) => sum + revoked.size, 0);
const versionOf = (directory: string) => readlink(join(directory, '..data'));

/** Locks the machine that the agent runs on. */
const lock = async ({ api }: HostRig): Promise<void> => {
  await api.put({
    kind: 'lock',
    version: 'v2',
    metadata: { name: 'incident-1' },
    spec: { target: { join_token: 'azure-token' } },
  });
  api.clock.advance(5);
  await tend(api);
};

const down = async (): Promise<Response> => new Response('', { status: 503 });

/** Does each of these before the wait of its number. */
const beforeWaits = (rig: HostRig, steps: Readonly<Record<number, () => unknown>>): void => {
  rig.onWait = async () => void (await steps[rig.waits.length]?.());
};

/** Two outputs of one agent: for `sshd`, and for a TLS server that checks lists. */
const outputs = (rig: HostRig, more = '') => `storage: {type: directory, path: ${rig.data}}
outputs:
  - {type: ssh_host, host_key: none, destination: {type: directory, path: ${join(rig.folder, 'ssh')}}}
  - {type: tls, revocation: true${more}, destination: {type: directory, path: ${join(rig.folder, 'tls')}}}
`;

describe('a Node', () => {
  test('has the list for sshd among its first files', async () => {
    const rig = await createHostRig();
    expect(await rig.once()).toBe(0);
    const krl = await krlIn(rig.data);
    expect(krl).toMatchObject({ comment: 'test.example.org', authorities: [] });
    expect(krl.version).toBeGreaterThan(0);
    expect((await stat(join(rig.data, 'revoked.krl'))).mode & 0o777).toBe(0o600);
  });

  test('has an empty one where the broker gives none, and the log says why, once', async () => {
    const rig = await createHostRig();
    rig.answerLists = down;
    expect(await rig.once()).toBe(0);
    expect(await krlIn(rig.data)).toMatchObject({ version: 0, authorities: [], keys: [] });
    expect(rig.output.join('').match(/there are no newer revocation lists/g)).toHaveLength(1);
    expect(rig.output.join('')).toMatch(
      /WARN {2}there are no newer revocation lists: the broker can't do its work at the moment: status 503\n/,
    );
  });

  test('keeps the one that it has over a renewal and a restart without the broker', async () => {
    const rig = await createHostRig();
    await rig.once();
    await lock(rig);
    await signIn(rig.api, 'JoinBroker.Admin').request('DELETE', '/v1/resources/lock/incident-1');
    await rig.once();
    const krl = await krlIn(rig.data);
    expect(krl.authorities).not.toEqual([]);
    await rm(join(rig.data, 'revocation-lists.json'));
    rig.answerLists = down;
    expect(await rig.once()).toBe(0);
    expect(rig.output.at(-1)).toContain(`wrote ${rig.data}`);
    expect(await krlIn(rig.data)).toEqual(krl);
  });

  test('asks every five minutes, and not for what it has', async () => {
    const rig = await createHostRig();
    expect(await rig.renewing(8)).toBe(0);
    expect(rig.waits.slice(0, 4)).toEqual([5, 5, 5, 5].map((minutes) => minutes * MINUTE));
    const [first, ...others] = rig.listCalls;
    expect(first?.etag).toBeUndefined();
    expect(new Set(others.map(({ etag }) => etag))).toEqual(
      new Set([expect.stringMatching(/^W\/".+"$/)]),
    );
  });

  test('writes a lock as soon as it knows of it, and nothing before and after that', async () => {
    const rig = await createHostRig();
    const versions: string[] = [];
    const note = async () => versions.push(await versionOf(rig.data));
    beforeWaits(rig, { 1: note, 2: () => lock(rig), 3: note, 4: note });
    await rig.renewing(4);
    expect(new Set(versions).size).toBe(2);
    expect(versions[1]).toBe(versions[2]);
    expect((await krlIn(rig.data)).authorities).toMatchObject([{ serials: [expect.any(BigInt)] }]);
    expect(rig.output.join('').match(/wrote the revocation lists in/g)).toHaveLength(1);
  });

  test('does not write a list again that only has another time', async () => {
    const rig = await createHostRig();
    // An hour makes new lists, with a new number.
    beforeWaits(rig, { 1: () => rig.api.clock.advance(3600), 2: () => rig.stop.abort() });
    await rig.renewing(9);
    expect(rig.listCalls).toHaveLength(2);
    const { lists } = JSON.parse(await readFile(join(rig.data, 'revocation-lists.json'), 'utf8'));
    expect(lists.version).toBeGreaterThan((await krlIn(rig.data)).version);
    expect(rig.output.join('')).not.toContain('wrote the revocation lists');
  });

  test('puts the list back that somebody has removed, also without the broker', async () => {
    const rig = await createHostRig();
    const file = join(rig.data, 'revoked.krl');
    beforeWaits(rig, {
      1: () => rm(file),
      2: async () => {
        expect((await krlIn(rig.data)).version).toBeGreaterThan(0);
        rig.answerLists = down;
        await rm(join(rig.data, await versionOf(rig.data), 'revoked.krl'));
      },
      3: () => krlIn(rig.data),
    });
    expect(await rig.renewing(3)).toBe(0);
    expect((await stat(file)).size).toBeGreaterThan(40);
  });

  test('of which another service is not: it asks for no lists', async () => {
    const rig = await createHostRig();
    expect(await rig.once('app_service')).toBe(0);
    expect(rig.listCalls).toEqual([]);
    expect(await readdir(rig.data)).not.toContain('revoked.krl');
  });

  test('takes no older list after a restart', async () => {
    const rig = await createHostRig();
    const old = await rig.api.request('GET', '/v1/trust/revoked');
    await rig.once();
    await lock(rig);
    await signIn(rig.api, 'JoinBroker.Admin').request('DELETE', '/v1/resources/lock/incident-1');
    await rig.once();
    const krl = await krlIn(rig.data);
    rig.answerLists = async () =>
      new Response(Buffer.from(old.bytes), { headers: { etag: '"x"' } });
    expect(await rig.once()).toBe(0);
    expect(rig.output.join('')).toMatch(
      /WARN {2}there are no newer revocation lists: .*older than/,
    );
    expect(await krlIn(rig.data)).toEqual(krl);
  });

  test('believes no stored list that somebody has changed', async () => {
    const rig = await createHostRig();
    await rig.once();
    const path = join(rig.data, 'revocation-lists.json');
    const stored = JSON.parse(await readFile(path, 'utf8'));
    stored.lists.version += 1_000_000;
    await writeFile(path, JSON.stringify(stored));
    expect(await rig.once()).toBe(0);
    expect(rig.output.join('')).toContain('the stored revocation lists are not used: ');
    expect((await krlIn(rig.data)).version).toBeLessThan(stored.lists.version);
  });
});

describe('outputs', () => {
  test('have what they are for: sshd the one list, a TLS server the other', async () => {
    const rig = await createHostRig();
    expect(await rig.onceWith('Node', outputs(rig))).toBe(0);
    const visible = async (name: string) =>
      (await readdir(join(rig.folder, name))).filter((file) => !file.startsWith('..'));
    expect(await visible('ssh')).toContain('revoked.krl');
    expect(await visible('ssh')).not.toContain('tls.crl');
    expect(await visible('tls')).toEqual(['tls.cas', 'tls.crl', 'tls.crt', 'tls.key']);
    expect(await crlsIn(join(rig.folder, 'tls'))).toHaveLength(2);
  });

  test('have none that nobody asked for, and then the broker is not asked', async () => {
    const rig = await createHostRig();
    const plain = `outputs: [{type: tls, destination: {type: directory, path: ${join(rig.folder, 'tls')}}}]\n`;
    expect(await rig.onceWith('App', plain)).toBe(0);
    expect(await readdir(join(rig.folder, 'tls'))).not.toContain('tls.crl');
    expect(rig.listCalls).toEqual([]);
  });

  test('are told of what is new, and not of what only has another time', async () => {
    const commands: string[] = [];
    const rig = await createHostRig({
      run: async (program) => {
        commands.push(program);
        return { code: 0, stdout: '', stderr: '' };
      },
      signal: () => undefined,
    });
    const tls = join(rig.folder, 'tls');
    const counts: number[] = [];
    const note = async () => counts.push(commands.length, await revokedIn(tls));
    beforeWaits(rig, {
      1: note,
      2: async () => {
        rig.api.clock.advance(3600);
        await note();
      },
      3: async () => {
        await note();
        await lock(rig);
      },
      4: note,
    });
    const more = ', credential_ttl: 24h, reload: {command: [told]}';
    const config = `${outputs(rig, more)}certificate_ttl: 24h\n`;
    expect(await rig.renewingWith('Node', config, 4)).toBe(0);
    const [first, ...later] = [0, 2, 4, 6].map((at) => counts[at]);
    expect(later).toEqual([first, first, (first ?? 0) + 1]);
    expect(counts[7]).toBeGreaterThan(0);
  });

  test('get new times once half of the old ones is over', async () => {
    const rig = await createHostRig();
    const tls = join(rig.folder, 'tls');
    const numbers: (number | undefined)[] = [];
    const passing = (hours: number) => async () => {
      numbers.push((await crlsIn(tls))[0]?.number);
      rig.api.clock.advance(hours * 3600);
    };
    beforeWaits(rig, { 1: passing(7), 2: passing(7), 3: passing(0) });
    const config = `${outputs(rig)}certificate_ttl: 24h\nrenewal_interval: 20h\n`;
    await rig.renewingWith('Node', config, 3);
    expect(numbers[1]).toBe(numbers[0]);
    expect(numbers[2]).toBeGreaterThan(numbers[0] ?? 0);
  });

  test('keep their other files, and who may read them', async () => {
    const rig = await createHostRig();
    const tls = join(rig.folder, 'tls');
    const file = (name: string) => readFile(join(tls, name), 'utf8');
    let key = '';
    beforeWaits(rig, {
      1: async () => {
        key = await file('tls.key');
        await lock(rig);
      },
    });
    const config = outputs(rig).replace(`path: ${tls}`, `path: ${tls}, mode: "0640"`);
    await rig.renewingWith('Node', config, 2);
    expect(await revokedIn(tls)).toBeGreaterThan(0);
    expect(await file('tls.key')).toBe(key);
    for (const name of ['tls.key', 'tls.crl'])
      expect((await stat(join(tls, name))).mode & 0o777).toBe(0o640);
  });

  test('stay whole where a list can not be written, and the next round tries again', async () => {
    const rig = await createHostRig();
    const tls = join(rig.folder, 'tls');
    beforeWaits(rig, {
      1: async () => {
        await lock(rig);
        await rm(join(tls, 'tls.crl'));
        await mkdir(join(tls, 'tls.crl'));
      },
      2: async () => {
        expect(await readFile(join(tls, 'tls.crt'), 'utf8')).toContain('BEGIN');
        await rmdir(join(tls, 'tls.crl'));
      },
    });
    await rig.renewingWith('Node', outputs(rig), 3);
    expect(rig.output.join('')).toContain(`ERROR the revocation lists in ${tls} are not written: `);
    expect(await revokedIn(tls)).toBeGreaterThan(0);
  });
});

describe('a broker that does not answer', () => {
  const hangs = (): Promise<Response> => new Promise(() => undefined);

  test('holds up no renewal: nobody waits for it longer than until that is due', async () => {
    const rig = await createHostRig();
    const times = 'certificate_ttl: 3m\nrenewal_interval: 61s\nrevocation_interval: 1m\n';
    const config = `${outputs(rig)}${times}`;
    expect(await rig.renewingWith('Node', config, 3)).toBe(0);
    expect(rig.waits).toEqual([MINUTE, 1000, 59_000]);
    expect(rig.listCalls.map(({ timeoutMs }) => timeoutMs)).toEqual([10_000, 1000]);
  });

  test('does not keep the agent from ending', async () => {
    const rig = await createHostRig();
    beforeWaits(rig, {
      1: () => {
        rig.answerLists = () => {
          setImmediate(() => rig.stop.abort());
          return hangs();
        };
      },
    });
    expect(await rig.renewing(9)).toBe(0);
    expect(rig.listCalls).toHaveLength(2);
    expect(rig.output.at(-1)).toContain('stopped');
    expect(rig.output.join('')).not.toContain('there are no newer');
  });

  test('does not keep it from renewing when it is told to', async () => {
    const rig = await createHostRig();
    beforeWaits(rig, {
      1: () => {
        rig.answerLists = () => {
          rig.answerLists = () => undefined;
          setImmediate(() => rig.renewNow());
          return hangs();
        };
      },
      2: () => rig.stop.abort(),
    });
    expect(await rig.renewing(9)).toBe(0);
    expect(rig.output.join('')).toMatch(/told to renew now\n.*renewed as Node/);
  });

  test('is asked again when it wants to be', async () => {
    const rig = await createHostRig();
    beforeWaits(rig, {
      1: () => {
        rig.answerLists = async () =>
          new Response('', { status: 503, headers: { 'retry-after': '100' } });
      },
    });
    await rig.renewingWith('Node', `${outputs(rig)}revocation_interval: 1m\n`, 2);
    expect(rig.waits).toEqual([MINUTE, 100_000]);
  });
});

test('a joiner that stores what it gets is never set back to what the agent knew before', async () => {
  const directory = await temporaryFolder();
  const newest = new Map([['state.json', 'the newest']]);
  await writeFileSet(directory, newest, START);
  const settings = {
    storage: { type: 'directory' as const, path: directory },
    outputs: [],
    host: { role: 'Node' as const, notes: [] },
  };
  const parts = { clock: createClock() } as unknown as Parameters<typeof destinationsOf>[2];
  const [own] = destinationsOf(settings, true, parts);
  const hour = { thisUpdate: START, nextUpdate: new Date(START.getTime() + 3600_000) };
  const lists = (says: string) =>
    ({ ...hour, krl: { content: Buffer.from(says), says } }) as unknown as AcceptedLists;
  const held = { instance: { role: 'Node' }, trust: {}, own: {}, certificates: new Map() };
  await own?.write({ ...held, lists: lists('one') } as unknown as Held);
  expect(await readFile(join(directory, 'revoked.krl'), 'utf8')).toBe('one');
  expect(await own?.amend?.(lists('two'))).toBe(true);
  expect(await readFile(join(directory, 'revoked.krl'), 'utf8')).toBe('two');
  expect(await readFile(join(directory, 'state.json'), 'utf8')).toBe('the newest');
});

test('whoever tells the agent to renew gets new lists, too', async () => {
  const rig = await createHostRig();
  beforeWaits(rig, { 1: () => rig.renewNow(), 2: () => rig.stop.abort() });
  await rig.renewing(9);
  expect(rig.listCalls).toHaveLength(2);
});

describe('the config file', () => {
  test.each([
    ['revocation_interval: 59s\n', 'revocation_interval: expected 1m to 6h, got 59s'],
    ['revocation_interval: 7h\n', 'revocation_interval: expected 1m to 6h, got 7h'],
    ['revocation_intervall: 5m\n', 'unknown field; did you mean revocation_interval?'],
    [
      'outputs: [{type: tls, revocation: yes please, destination: {type: memory}}]\n',
      'outputs[0].revocation: expected true or false',
    ],
    [
      'outputs: [{type: tls, revocations: true, destination: {type: memory}}]\n',
      'unknown field; did you mean revocation?',
    ],
    [
      'outputs: [{type: ssh_host, revocation: false, destination: {type: memory}}]\n',
      'outputs[0].revocation: unknown field',
    ],
  ])('with %j is refused', async (more, said) => {
    const rig = await createHostRig();
    expect(await rig.onceWith('Node', more)).toBe(1);
    expect(rig.output.at(-1)).toContain(said);
  });

  test.each(['1m', '6h'])('may say %s', async (interval) => {
    const rig = await createHostRig();
    expect(await rig.onceWith('Node', `revocation_interval: ${interval}\n`)).toBe(0);
  });
});
