/** What a config file's outputs come to, and what can't be had: here, or by who joins. */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { DirectoryFlags, StartFlags } from '../../agent/command-line.ts';
import { type ReadConfig, readConfig } from '../../agent/config-file.ts';
import type { HostService } from '../../agent/settings.ts';
import {
  notesOn,
  outputsOf,
  placed,
  writablePlaces,
  writtenDirectories,
} from '../../agent/start-outputs.ts';
import { sshPublicKey, sshPublicKeyLine } from '../../shared/encoding/ssh-public-key.ts';

const config = (more = ''): ReadConfig =>
  readConfig(
    `version: v2\nauth_server: b\nonboarding: {join_method: azure, token: t}\n${more}`,
    'tbot.yaml',
  );
const withOutputs = (...outputs: readonly string[]) =>
  config(`outputs:\n${outputs.map((one) => `  - {${one}}\n`).join('')}`);
const OUT = 'destination: {type: directory, path: /out}';
const TO_MEMORY = 'destination: {type: memory}';
const SECRET = (more = '') => `destination: {type: kubernetes_secret, name: s${more}}`;
const SOCKET = 'services: [{type: workload-identity-api, listen: "unix:///run/a/../w/w.sock"';
const CLUSTER = { KUBERNETES_SERVICE_HOST: '10.0.0.1' };
const NODE: HostService = { role: 'Node', notes: [] };

const outputs = (
  file: ReadConfig | undefined,
  {
    flags = {},
    host,
    env = {},
    files = {},
  }: {
    readonly flags?: Partial<StartFlags>;
    readonly host?: HostService;
    readonly env?: Readonly<Record<string, string>>;
    readonly files?: Readonly<Record<string, string>>;
  } = {},
) => outputsOf(flags as StartFlags, file, host, { env, readText: (path) => files[path] });

describe('outputs', () => {
  test('of a flag come first, and are an identity', () => {
    const flags = { destinationDir: '/flag' };
    const [one, ...more] = outputs(undefined, { flags });
    expect(more).toEqual([]);
    expect(one).toMatchObject({
      name: 'identity-1',
      destination: { type: 'directory', path: '/flag' },
      content: { forSsh: true },
    });
    expect(outputs(undefined)).toEqual([]);
    expect(outputs(undefined, { flags: { destinationDir: 'memory://' } })).toEqual([]);
    const wrong = { destinationDir: '~/x' };
    expect(() => outputs(undefined, { flags: wrong })).toThrow(/^--destination-dir: expected/);
    const both = outputs(withOutputs(`type: tls, ${OUT}`), { flags });
    expect(both.map(({ name }) => name)).toEqual(['identity-1', 'tls-2']);
  });

  test('have what the file says of them, and nothing else', () => {
    const asked =
      'roles: [ci], credential_ttl: 2h, renewal_interval: 40m, reload: {systemd_unit: web}';
    const readers = 'readers: [{user: a}, {group: b}], mode: "0640"';
    const file = withOutputs(
      `type: tls, ${OUT}`,
      `type: tls, name: web, ${asked}, destination: {type: directory, path: /web/../out2, ${readers}}`,
      `type: identity, ${TO_MEMORY}`,
    );
    const content = expect.objectContaining({ names: ['tls.crt', 'tls.key', 'tls.cas'] });
    expect(outputs(file)).toEqual([
      { name: 'tls-1', destination: { type: 'directory', path: '/out' }, content },
      {
        name: 'web',
        destination: {
          type: 'directory',
          path: '/out2',
          readers: [
            { kind: 'user', name: 'a' },
            { kind: 'group', name: 'b' },
          ],
          mode: 0o640,
        },
        content,
        roles: ['ci'],
        ttlSeconds: 7200,
        renewalSeconds: 2400,
        reload: { systemd_unit: 'web' },
      },
    ]);
    const empty = withOutputs('type: tls, destination: {type: directory, path: /out, readers: []}');
    expect(outputs(empty)[0]?.destination).toEqual({ type: 'directory', path: '/out' });
  });

  test('of a host are those of a server, of a bot those of a client', () => {
    const file = withOutputs(`type: tls, formats: [mysql], ${OUT}`);
    const names = (host?: HostService) =>
      outputs(file, { ...(host && { host }) })[0]?.content.names;
    expect(names()).toContain('client-cert.pem');
    expect(names(NODE)).toContain('server-cert.pem');
  });

  test('to a socket are one of type spiffe', () => {
    const [one] = outputs(config(`${SOCKET}}]\n`));
    expect(one).toMatchObject({
      name: 'workload-identity-api-1',
      destination: { type: 'workload_api', path: '/run/w/w.sock', mode: 0o600 },
      content: { names: ['svid.pem', 'svid_key.pem', 'svid_bundle.pem'] },
    });
    expect(one).not.toHaveProperty('roles');
    const more = outputs(config(`${SOCKET}, mode: "0660", readers: [{user: a}], roles: [ci]}]\n`));
    expect(more[0]).toMatchObject({
      destination: { mode: 0o660, readers: [{ kind: 'user', name: 'a' }] },
      roles: ['ci'],
    });
  });

  test('are found in both lists, with their places', () => {
    const file = config(
      `outputs: [{type: tls, ${OUT}}]\nservices: [{type: spiffe, ${TO_MEMORY}}]\n`,
    );
    expect(placed(file.value).map(({ place }) => place)).toEqual([
      ['outputs', 0],
      ['services', 0],
    ]);
    expect(placed(undefined)).toEqual([]);
  });
});

describe('a secret of Kubernetes', () => {
  test('is one of the cluster that the agent runs in', () => {
    const of = (more: string, type = 'type: tls') =>
      outputs(withOutputs(`${type}, ${SECRET(more)}`), { env: CLUSTER })[0];
    const plain = {
      type: 'kubernetes_secret',
      api: expect.objectContaining({ origin: 'https://10.0.0.1:443' }),
      name: 's',
      secretType: 'Opaque',
      labels: {},
    };
    expect(of('')?.destination).toEqual(plain);
    expect(of('')?.content.names).toContain('ca.crt');
    expect(of('', 'type: spiffe')?.destination).toEqual(plain);
    expect(
      of(', namespace: n, secret_type: kubernetes.io/tls, labels: {app: web}')?.destination,
    ).toEqual({
      ...plain,
      namespace: 'n',
      secretType: 'kubernetes.io/tls',
      labels: { app: 'web' },
    });
  });

  test.each<[string, string, Record<string, string>, string]>([
    ['without a cluster', 'type: tls', {}, 'outputs[0].destination.type: expected a pod'],
    [
      'of a type that wants other files',
      'type: spiffe',
      CLUSTER,
      'outputs[0].destination.secret_type: a secret of type kubernetes.io/tls holds tls.crt',
    ],
  ])('%s is refused', (_, type, env, said) => {
    const file = withOutputs(`${type}, ${SECRET(', secret_type: kubernetes.io/tls')}`);
    expect(() => outputs(file, { env })).toThrow(said);
  });
});

describe('what another join would bring is refused', () => {
  const refused = (file: ReadConfig, host: HostService | undefined, said: string) =>
    expect(() => outputs(file, { ...(host && { host }) })).toThrow(said);

  test("a host's of a bot, and a bot's of a host, to memory too", () => {
    for (const to of [OUT, TO_MEMORY]) {
      refused(
        withOutputs(`type: ssh_host, ${to}`),
        undefined,
        "outputs[0].type: an output of type ssh_host comes from the join of a host: write role: Node in onboarding, as the join token's roles have it",
      );
      refused(
        withOutputs(`type: identity, ${to}`),
        NODE,
        "outputs[0].type: an output of type identity is a bot's, and this joins as Node",
      );
    }
  });

  test('roles of a host', () => {
    const said = 'roles: expected none: hosts have no roles';
    refused(withOutputs(`type: tls, roles: [a], ${OUT}`), NODE, `outputs[0].${said}`);
    refused(config(`${SOCKET}, roles: [a]}]\n`), NODE, `services[0].${said}`);
    expect(outputs(config(`${SOCKET}}]\n`), { host: NODE })).toHaveLength(1);
  });
});

describe('the key of an output of type ssh_host', () => {
  const key = sshPublicKey(generateKeyPairSync('ed25519').publicKey);
  const line = key ? sshPublicKeyLine(key, 'x') : '';
  const files = { '/key.pub': line, '/etc/ssh/ssh_host_ed25519_key.pub': line };

  test("is the one that is named, or sshd's, or one of its own", () => {
    const of = (more: string, there = files) =>
      outputs(withOutputs(`type: ssh_host, ${OUT}${more}`), { host: NODE, files: there })[0];
    expect(of('')?.sshHostKey).toBe(line);
    expect(of(', host_key: /key.pub')?.sshHostKey).toBe(line);
    expect(of(', host_key: none')).not.toHaveProperty('sshHostKey');
    expect(() => of(', host_key: /none.pub')).toThrow(
      expect.objectContaining({
        message: expect.stringContaining('outputs[0].host_key: expected the public'),
      }),
    );
    const [other] = outputs(withOutputs(`type: tls, ${OUT}`), { host: NODE, files });
    expect(other).not.toHaveProperty('sshHostKey');
  });
});

describe('directories', () => {
  const flags = (more: object = {}) => more as DirectoryFlags;
  const file = config(
    `storage: {type: directory, path: /own/.}\noutputs: [{type: tls, ${OUT}}, {type: tls, ${TO_MEMORY}}]\n`,
  );

  test('are those of the flags, or those of the file: storage first', () => {
    expect(writtenDirectories(flags(), file)).toEqual(['/own', '/out']);
    expect(writtenDirectories(flags({ destinationDir: '/b', dataDir: '/a/.' }), file)).toEqual([
      '/a',
      '/b',
    ]);
    expect(writtenDirectories(flags({ dataDir: '/a' }), undefined)).toEqual(['/a']);
    for (const none of [undefined, config()])
      expect(() => writtenDirectories(flags(), none)).toThrow(
        expect.objectContaining({ code: 'usage' }),
      );
  });

  test('of sockets are others, and may be all that there is', () => {
    expect(writablePlaces(flags(), file)).toEqual({
      directories: ['/own', '/out'],
      socketDirectories: [],
    });
    const second = '{type: workload-identity-api, listen: "unix:///run/w/v.sock"}';
    expect(writablePlaces(flags(), config(`${SOCKET}}, ${second}]\n`))).toEqual({
      directories: [],
      socketDirectories: ['/run/w'],
    });
    expect(() => writablePlaces(flags(), config())).toThrow('expected --destination-dir');
  });
});

test('what has no effect is told of, once', () => {
  const notes = (file: ReadConfig) => notesOn(file.value, outputs(file));
  const IDLE = 'these fields make no difference here: ';
  expect(notesOn(undefined, [])).toEqual([]);
  expect(notes(config('storage: {type: memory}\n'))).toEqual([]);
  expect(notes(withOutputs(`type: tls, ${OUT}`))).toEqual([]);
  expect(notes(withOutputs(`type: tls, ${OUT}`, `type: tls, ${TO_MEMORY}`))).toEqual([
    'an output to memory is a trial: nothing is written for it',
  ]);
  const idle = 'storage: {type: directory, path: /s, symlinks: secure, acls: off}\n';
  expect(notes(config(idle))).toEqual([`${IDLE}symlinks, acls`]);
  const acls = (more: string) =>
    withOutputs(`type: tls, destination: {type: directory, path: /o, acls: required${more}}`);
  expect(notes(acls(''))).toEqual([`${IDLE}acls`]);
  expect(notes(acls(', symlinks: secure, readers: [{user: a}]'))).toEqual([`${IDLE}symlinks`]);
  expect(notes(config(`${SOCKET}}]\n`))).toEqual([]);
  // With readers it says what is done anyway.
  expect(notes(acls(', readers: [{user: a}]'))).toEqual([]);
  const twice = withOutputs(
    `type: application, app_name: x, destination: {type: directory, path: /a}`,
    `type: application, app_name: x, destination: {type: directory, path: /b}`,
  );
  expect(notes(twice)).toEqual([expect.stringContaining('app_name makes no difference here')]);
});
