import { rmSync } from 'node:fs';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  amendDestinations,
  type Destination,
  destinationsOf,
  expectDestination,
  type Held,
  heldAfter,
  writeDestinations,
} from '../../agent/destinations.ts';
import { Failure } from '../../agent/failure.ts';
import type { IssuedCertificate } from '../../agent/issued-certificate.ts';
import type { Joined } from '../../agent/join-answer.ts';
import { createLog } from '../../agent/log.ts';
import type { AcceptedLists } from '../../agent/revocation/accept-lists.ts';
import type { AgentSettings, Output } from '../../agent/settings.ts';
import { START } from './clock.ts';
import { problemAnswer } from './fake-broker.ts';
import { temporaryFolder } from './folder.ts';
import { createRig, guideConfig, type Rig } from './rig.ts';

const output = (path: string) =>
  `  - {type: identity, destination: {type: directory, path: "${path}"}}\n`;
const storage = (path: string) => `storage: {type: directory, path: "${path}"}\n`;
const visible = async (folder: string) =>
  (await readdir(folder)).filter((name) => !name.startsWith('..'));
const askedFor = (rig: Rig) => rig.broker.calls.map(({ path }) => path);

/** A path below a file: nothing can be made there, whoever tries. */
async function blocked(rig: Rig): Promise<{ path: string; free: () => void }> {
  const file = join(rig.folder, 'file');
  await writeFile(file, '');
  return { path: join(file, 'below'), free: () => rmSync(file) };
}

describe('a storage directory that can not be made', () => {
  test('keeps no output from its files, and is tried again with one sentence', async () => {
    const rig = await createRig();
    const out = join(rig.folder, 'out');
    const { path } = await blocked(rig);
    rig.stopAfterWaits(2);
    expect(await rig.start(guideConfig(`${storage(path)}outputs:\n${output(out)}`))).toBe(0);
    expect(await visible(out)).toContain('tlscert');
    const why = `the directory ${path} can't be used: a part of the path is not a directory`;
    const text = rig.output.join('');
    expect(text).toContain(`WARN  joining afresh: ${why}`);
    expect(text).toContain(
      `WARN  downloaded certificates can't be kept in ${path} (a part of the path is not a directory)`,
    );
    expect(text).toContain(
      `ERROR ${why} (the certificates are good until 2026-11-20T20:05:00Z); trying again in`,
    );
  });

  test('gets the certificates that are there, without another join, as soon as it can be made', async () => {
    const rig = await createRig();
    const out = join(rig.folder, 'out');
    const { path, free } = await blocked(rig);
    rig.stopAfterWaits(2);
    const { onSleep } = rig.clock;
    rig.clock.onSleep = (ms) => {
      if (rig.clock.sleeps.length === 1) free();
      onSleep(ms);
    };
    await rig.start(guideConfig(`${storage(path)}outputs:\n${output(out)}`));
    expect(rig.broker.joins).toHaveLength(1);
    expect(await visible(path)).toContain('state.json');
  });
});

describe('where nothing can be written', () => {
  test('nothing is asked for, once and as a service', async () => {
    const rig = await createRig();
    const { path } = await blocked(rig);
    const config = guideConfig(`${storage(path)}outputs:\n${output(`${path}/out`)}`);
    expect(await rig.start(config, '--oneshot')).toBe(1);
    rig.stopAfterWaits(3);
    expect(await rig.start(config)).toBe(0);
    expect(askedFor(rig)).toEqual([]);
    expect(rig.output.join('').match(/ERROR the directory .* can't be used/g)).toHaveLength(3);
  });

  test("nothing is asked for where the names are somebody else's", async () => {
    const rig = await createRig();
    const out = join(rig.folder, 'out');
    await mkdir(join(out, 'key'), { recursive: true });
    expect(await rig.start(guideConfig(`outputs:\n${output(out)}`), '--oneshot')).toBe(1);
    expect(askedFor(rig)).toEqual([]);
    expect(rig.output.at(-1)).toContain(
      `${join(out, 'key')} is there already and was not made by joinbot`,
    );
  });
});

test('the check leaves nothing behind', async () => {
  const rig = await createRig();
  const out = join(rig.folder, 'out');
  await mkdir(out);
  rig.broker.next['/v1/join'].push(() => problemAnswer('access_denied'));
  expect(await rig.start(guideConfig(`outputs:\n${output(out)}`), '--oneshot')).toBe(1);
  expect(await readdir(out)).toEqual([]);
});

test.each(['/', '/proc/1', '/dev', '/tmp/../sys'])('refuses %s as a destination', async (path) => {
  const rig = await createRig();
  expect(await rig.start(guideConfig(`outputs:\n${output(path)}`), '--oneshot')).toBe(1);
  expect(rig.output.at(-1)).toContain('outputs: expected a directory of its own, got /');
  expect(await rig.start(guideConfig(storage(path)), '--oneshot')).toBe(1);
  expect(rig.output.at(-1)).toContain('storage: expected a directory of its own, got /');
});

test('warns of a directory that everybody may write to', async () => {
  const rig = await createRig();
  const out = join(rig.folder, 'out');
  await mkdir(out);
  await chmod(out, 0o777);
  expect(await rig.start(guideConfig(`outputs:\n${output(out)}`), '--oneshot')).toBe(0);
  expect(rig.output.join('')).toContain(
    `WARN  everybody on this machine may replace what is written to ${out}`,
  );
  await chmod(out, 0o755);
  rig.output.length = 0;
  await rig.start(guideConfig(`outputs:\n${output(out)}`), '--oneshot');
  expect(rig.output.join('')).not.toContain('WARN  everybody');
});

describe('the log', () => {
  test.each([[['--log-format=json']], [['--log-format', 'json']]])(
    'is JSON to its last line with %j, also where the command line or the file is wrong',
    async (flags) => {
      const rig = await createRig();
      rig.broker.next['/v1/join'].push(() => problemAnswer('access_denied'));
      await rig.start(guideConfig(), '--oneshot', ...flags);
      await rig.start('version: v9', '--oneshot', ...flags);
      await rig.start(guideConfig(), '--no-such-flag', ...flags);
      const lines = rig.output.join('').trimEnd().split('\n');
      const levels = lines.map((line) => JSON.parse(line).level);
      expect(levels.filter((level) => level === 'error')).toHaveLength(3);
    },
  );

  test('has one line for each wait while the broker can not work', async () => {
    const rig = await createRig();
    rig.broker.next['/v1/join'].push(...Array(12).fill(() => problemAnswer('unavailable')));
    rig.stopAfterWaits(12);
    await rig.start(guideConfig());
    const waits = rig.output.join('').match(/ (?:WARN {2}|ERROR ).*trying again in \d/g);
    expect(waits).toHaveLength(12);
  });
});

describe('of several places', () => {
  const SSH = { name: 'output-1', ssh: 'a line' };
  const LESS = { name: 'output-2', sshAbsent: 'no login here' };
  const NONE = { name: 'output-3' };
  const held = (...certificates: readonly object[]): Held =>
    ({
      certificates: new Map(
        (certificates as IssuedCertificate[]).map((certificate) => [certificate.name, certificate]),
      ),
    }) as unknown as Held;
  const place = (name: string, more: Partial<Destination> = {}): Destination => ({
    id: name,
    name,
    check: async () => undefined,
    write: async () => undefined,
    wish: 'output-1',
    forSsh: false,
    ...more,
  });
  const failing = (message: string) => () => Promise.reject(new Failure('files', message));
  const broken = () => Promise.reject(new TypeError('x is not a function'));

  function logOf() {
    const lines: string[] = [];
    const write = (line: string) => lines.push(line.slice('2026-11-20T19:05:00Z '.length));
    return { lines, log: createLog({ format: 'text', debug: false, write, now: () => START }) };
  }

  test('one that can be written is enough to ask for certificates', async () => {
    await expectDestination([]);
    await expectDestination([place('a', { check: failing('no') }), place('b')]);
    const all = ['a', 'b'].map((name) => place(name, { check: failing(`${name} fails`) }));
    await expect(expectDestination(all)).rejects.toMatchObject({
      code: 'files',
      message: 'a fails; b fails',
    });
    await expect(expectDestination([place('a', { check: broken })])).rejects.toThrow(TypeError);
  });

  test('each is written whatever becomes of the others, and whoever uses it is told', async () => {
    const { log, lines } = logOf();
    const told: string[] = [];
    const reload = (name: string) => ({ reload: async () => void told.push(name) });
    const places = [
      place('a', { write: failing('a fails'), ...reload('a') }),
      place('b', reload('b')),
      place('c', { write: failing('c fails') }),
      place('d'),
    ];
    const { unwritten, failure } = await writeDestinations(places, held(SSH), { log });
    expect(unwritten).toEqual([places[0], places[2]]);
    expect(failure).toMatchObject({ code: 'files', message: 'a fails; c fails' });
    expect(told).toEqual(['b']);
    expect(lines).toEqual(['INFO  wrote b\n', 'INFO  wrote d\n']);
    const good = await writeDestinations(places.slice(1, 2), held(SSH), { log });
    expect(good).toEqual({ unwritten: [], failure: undefined });
    await expect(
      writeDestinations([place('a', { write: broken })], held(SSH), { log }),
    ).rejects.toThrow(TypeError);
  });

  test('an SSH certificate that belongs there and is not there is told of, with the reason', async () => {
    const { log, lines } = logOf();
    const places = ['output-1', 'output-2', 'output-3', 'output-4'].flatMap((wish) => [
      place(`plain ${wish}`, { wish }),
      place(wish, { wish, forSsh: true }),
    ]);
    await writeDestinations(places, held(SSH, LESS, NONE), { log });
    expect(lines.filter((line) => !line.includes('wrote'))).toEqual([
      'INFO  there is no SSH certificate in output-2: no login here\n',
      'INFO  there is no SSH certificate in output-3: the roles have no login\n',
      'INFO  there is no SSH certificate in output-4: the roles have no login\n',
    ]);
  });

  test('lists are brought to those that want them, and only what changed is told of', async () => {
    const { log, lines } = logOf();
    const lists = {} as AcceptedLists;
    const given: unknown[] = [];
    const told: string[] = [];
    const amend = (changes: boolean) => async (some: AcceptedLists | undefined) => {
      given.push(some);
      return changes;
    };
    const reload = (name: string) => ({ reload: async () => void told.push(name) });
    const places = [
      place('a', reload('a')),
      place('b', { amend: failing('no space'), ...reload('b') }),
      place('c', { amend: amend(false), ...reload('c') }),
      place('d', { amend: amend(true), ...reload('d') }),
      place('e', { amend: amend(true) }),
    ];
    await amendDestinations(places, lists, { log });
    expect(given).toEqual([lists, lists, lists]);
    expect(told).toEqual(['d']);
    expect(lines).toEqual([
      'ERROR the revocation lists in b are not written: no space\n',
      'INFO  wrote the revocation lists in d\n',
      'INFO  wrote the revocation lists in e\n',
    ]);
    await expect(
      amendDestinations([place('a', { amend: broken })], lists, { log }),
    ).rejects.toThrow(TypeError);
  });

  test('what was held of joins before stays, but for what a join brought anew', () => {
    const joined = (name: string, ...certificates: readonly object[]) =>
      ({ instance: { id: name }, trust: { says: name }, certificates }) as unknown as Joined;
    const lists = {} as AcceptedLists;
    const [own, other] = [{ name: 'identity' }, { name: 'output-1' }];
    const first = heldAfter(undefined, joined('one', own, other));
    expect(first).toMatchObject({ instance: { id: 'one' }, trust: { says: 'one' }, own });
    expect(first.lists).toBeUndefined();
    const anew = { name: 'identity', expires: START };
    const second = heldAfter({ ...first, lists }, joined('two', anew));
    expect(second.instance.id).toBe('two');
    expect(second.own).toBe(anew);
    expect(second.lists).toBe(lists);
    expect([...second.certificates]).toEqual([
      ['identity', anew],
      ['output-1', other],
    ]);
  });
});

describe('the places of the settings', () => {
  const FILES = new Map([['tls.crt', 'certificate']]);
  const content = { names: ['tls.crt'], files: () => FILES };
  const held = (instance: object, ...certificates: readonly object[]): Held =>
    ({
      instance,
      trust: { bundle: {} },
      certificates: new Map((certificates as IssuedCertificate[]).map((one) => [one.name, one])),
    }) as unknown as Held;
  const placesOf = (settings: object, isStored = false, effects: object = {}): Destination[] =>
    destinationsOf(
      { storage: { type: 'memory' }, outputs: [], ...settings } as unknown as AgentSettings,
      isStored,
      { clock: { now: () => START }, ...effects } as never,
    );
  const outputIn = (path: string, more: Partial<Output['content']> = {}): Output => ({
    name: 'a',
    destination: { type: 'directory', path },
    content: { ...content, ...more },
  });

  test("have the agent's own directory first, which keeps other people's state", async () => {
    const path = await temporaryFolder();
    const storage = { type: 'directory', path };
    const [own, ...others] = placesOf({ storage, outputs: [outputIn('/out')] });
    expect(own).toMatchObject({ id: 'storage', wish: 'identity', forSsh: true });
    expect(others.map(({ id, forSsh }) => ({ id, forSsh }))).toEqual([{ id: 'a', forSsh: false }]);
    await writeFile(join(path, 'state.json'), '{}');
    await expect(own?.check()).rejects.toThrow('state.json is there already');
  });

  test('say whether an SSH certificate belongs there', () => {
    const [one] = placesOf({ outputs: [outputIn('/out', { forSsh: true })] });
    expect(one?.forSsh).toBe(true);
  });

  test('of which the joiner stores its own leave that one alone', async () => {
    const path = join(await temporaryFolder(), 'own');
    const [own] = placesOf({ storage: { type: 'directory', path } }, true);
    await own?.write(held({ bot: 'x' }));
    await expect(readdir(path)).rejects.toThrow('ENOENT');
  });

  test('get nothing without a certificate, or an owner', async () => {
    const path = join(await temporaryFolder(), 'out');
    const [one] = placesOf({ outputs: [outputIn(path)] });
    const wrong = 'there is one for each output';
    await expect(one?.write(held({}))).rejects.toThrow(wrong);
    await expect(one?.write(held({ bot: 'x' }))).rejects.toThrow(wrong);
    const nameless = { name: 'output-1', tls: '', names: [] };
    await expect(one?.write(held({}, nameless))).rejects.toThrow(wrong);
    await one?.write(held({ bot: 'x' }, nameless));
    await one?.write(held({}, { ...nameless, names: ['vm'] }));
    expect(await visible(path)).toEqual(['tls.crt']);
  });

  test('in a cluster get their files by one patch, and lists by another', async () => {
    const account = await temporaryFolder();
    for (const name of ['token', 'namespace', 'ca.crt']) await writeFile(join(account, name), 'x');
    const sent: unknown[] = [];
    const imds = async ({ body }: { readonly body: string }) => {
      sent.push(JSON.parse(body).data);
      return { status: 200, header: () => undefined, body: new Uint8Array() };
    };
    const api = { origin: 'https://127.0.0.1', account };
    const secret = { type: 'kubernetes_secret', api, name: 's', labels: {} };
    const outputs = [{ name: 'a', destination: secret, content }];
    const wanted = held({ bot: 'x' }, { name: 'output-1' });
    await placesOf({ outputs }, false, { imds })[0]?.write(wanted);
    const data = { 'tls.crt': Buffer.from('certificate').toString('base64') };
    expect(sent.splice(0)).toEqual([data]);
    const listing = outputs.map((one) => ({ ...one, content: { ...content, lists: ['tls.crl'] } }));
    const lists = { crls: { content: 'list', says: 'one' } } as unknown as AcceptedLists;
    await placesOf({ outputs: listing }, false, { imds })[0]?.write({ ...wanted, lists });
    expect(sent).toEqual([data, { 'tls.crl': Buffer.from('list').toString('base64') }]);
  });
});
