/** `teleport.yaml`, version v3, as settings of a host's join. */
import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../agent/command-line.ts';
import { readConfig } from '../../agent/config-file.ts';
import type { AgentSettings } from '../../agent/settings.ts';
import { startSettings } from '../../agent/start-settings.ts';

/** As guide 004 has it. */
const GUIDE = `# /etc/teleport.yaml
version: v3
teleport:
  join_params:
    token_name: azure-token
    method: azure
    azure:
      # client_id is the client ID of a user-assigned managed identity.
      # Omit this value when using a system-assigned managed identity.
      client_id: 11111111-1111-1111-1111-111111111111
  proxy_server: teleport.example.com:443
ssh_service:
  enabled: true
auth_service:
  enabled: false
proxy_service:
  enabled: false
`;

const KEY = `ssh-ed25519 ${Buffer.concat([Buffer.from('0000000b7373682d6564323535313900000020', 'hex'), Buffer.alloc(32, 1)]).toString('base64')}`;

function settingsOf(
  text: string,
  flags: readonly string[] = [],
  files: Readonly<Record<string, string>> = {},
): AgentSettings {
  const command = parseCommandLine(['start', ...flags]);
  if (command.name !== 'start') throw new Error('not the start command');
  const readText = (path: string) => files[path];
  return startSettings(command.flags, readConfig(text, 'teleport.yaml'), { env: {}, readText });
}

const failureOf = (...args: Parameters<typeof settingsOf>): string => {
  try {
    settingsOf(...args);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it was accepted');
};

const yaml = (services: string, teleport = ''): string =>
  `version: v3\nteleport:\n  join_params: {token_name: t, method: azure}\n  proxy_server: b.example.com\n${teleport}${services}`;

test('takes the audience of a broker that names its own, beside the client id', () => {
  const text = GUIDE.replace(/( +)client_id: .*/, '$1audience: api://tenant/join-broker-prod');
  expect(settingsOf(text).azure).toEqual({ audience: 'api://tenant/join-broker-prod' });
});

test("reads the guide's file unchanged", () => {
  expect(settingsOf(GUIDE)).toMatchObject({
    broker: 'https://teleport.example.com',
    joinMethod: 'azure',
    token: 'azure-token',
    caPins: [],
    azure: { clientId: '11111111-1111-1111-1111-111111111111' },
    storage: { type: 'directory', path: '/var/lib/joinbot-node' },
    outputs: [],
    host: { role: 'Node', notes: [] },
  });
});

test('takes data_dir, ca_pin, and says once that a nodename is only a claim', () => {
  const pin = `sha256:${'a'.repeat(64)}`;
  const more = `  data_dir: /var/lib/teleport\n  nodename: some-node\n  ca_pin: ${pin}\n`;
  const { host, storage, caPins } = settingsOf(yaml('ssh_service: {enabled: true}\n', more));
  expect(storage).toEqual({ type: 'directory', path: '/var/lib/teleport' });
  expect(caPins).toEqual([pin]);
  expect(host?.notes).toEqual([
    'nodename some-node is what this machine says of itself: the certificates have the names that the join token makes from what is attested',
  ]);
  const list = settingsOf(yaml('', `  ca_pin: [${pin}, ${pin}]\n`));
  expect(list.caPins).toEqual([pin, pin]);
  expect(settingsOf(yaml('', '  ca_pin: ""\n')).caPins).toEqual([]);
});

test('says no more than is written', () => {
  const value = (text: string) => readConfig(`version: v3\nteleport: ${text}\n`, 'a.yaml').value;
  const storage = { type: 'directory', path: '/var/lib/joinbot-node' };
  expect(value('{}')).toStrictEqual({ version: 'v2', onboarding: {}, storage });
  expect(value('{join_params: {}, ca_pin: ""}')).toStrictEqual({
    version: 'v2',
    onboarding: {},
    storage,
  });
  const join = 'join_params: {method: iam, token_name: t, azure: {}}';
  expect(value(`{auth_server: b, ${join}, data_dir: /a}`)).toStrictEqual({
    version: 'v2',
    auth_server: 'b',
    onboarding: { join_method: 'iam', token: 't', azure: {} },
    storage: { type: 'directory', path: '/a' },
  });
});

test.each([
  [['onboarding', 'join_method'], '4:5: teleport.join_params.method'],
  [['onboarding', 'token'], '5:5: teleport.join_params.token_name'],
  [['onboarding', 'ca_pins'], '2:1: teleport'],
  [['proxy_server'], '6:3: teleport.proxy_server'],
  [['auth_server'], '2:1: teleport.auth_server'],
  [['storage'], '7:3: teleport.data_dir'],
  [['storage', 'path'], '7:3: teleport.data_dir'],
  [['credential_ttl'], '2:1: teleport'],
  [['other', 'join_method'], '2:1: teleport'],
  [['other', 'token'], '2:1: teleport'],
])("says of %j of the agent's own form where it stands", (path, said) => {
  const text =
    'version: v3\nteleport:\n  join_params:\n    method: iam\n    token_name: t\n  proxy_server: b\n  data_dir: /a\n';
  expect(readConfig(text, 'a.yaml').failure(path, 'no').message).toBe(`a.yaml:${said}: no`);
});

test('says which fields make no difference', () => {
  const services = 'ssh_service:\n  enabled: yes\n  labels: {env: prod}\n';
  const { host } = settingsOf(yaml(services, '  log: {severity: INFO}\n'));
  expect(host?.notes).toEqual([
    'these fields make no difference here: teleport.log, ssh_service.labels',
  ]);
});

test('takes flags before the file, as for a bot', () => {
  const flags = ['--proxy-server=other.example.com:8443', '--data-dir=/srv/node'];
  expect(settingsOf(GUIDE, flags)).toMatchObject({
    broker: 'https://other.example.com:8443',
    storage: { path: '/srv/node' },
  });
});

describe('joins as the service that is enabled', () => {
  test.each([
    ['ssh_service: {enabled: true}', 'Node'],
    ['proxy_service: {enabled: true}', 'Proxy'],
    ['kubernetes_service: {enabled: true}', 'Kube'],
    ['app_service: {enabled: true, apps: []}', 'App'],
    ['db_service: {enabled: true}', 'Db'],
    ['windows_desktop_service: {enabled: true}', 'WindowsDesktop'],
    ['discovery_service: {enabled: true}', 'Discovery'],
    ['app_service: {enabled: true}\nssh_service: {enabled: false}', 'App'],
    ['app_service: {apps: []}\nssh_service: {enabled: true}', 'Node'],
    ['ssh_service: {}', 'Node'],
    ['proxy_service: {}', 'Proxy'],
    ['app_service: {enabled: false}', 'Node'],
    ['', 'Node'],
  ])('%s', (services, role) => {
    expect(settingsOf(yaml(`${services}\n`)).host?.role).toBe(role);
  });

  test.each(['yes', '"yes"', 'yeah', 'on', 'true', '1', 'Y', 'True'])('enabled: %s', (word) => {
    expect(settingsOf(yaml(`app_service: {enabled: ${word}}\n`)).host?.role).toBe('App');
  });

  test.each(['no', '"no"', 'nope', 'off', 'false', '0', 'N'])('not enabled: %s', (word) => {
    expect(settingsOf(yaml(`proxy_service: {enabled: ${word}}\n`)).host?.role).toBe('Node');
  });
});

describe('names file, line, column, field and what was expected', () => {
  test.each([
    ['an older version', 'version: v2\nteleport: {}\n', '1:1: version: expected "v3", got v2'],
    [
      'an unknown field',
      yaml('', '  nodname: x\n'),
      '5:3: teleport.nodname: unknown field; did you mean nodename?',
    ],
    [
      'a service that there is not',
      yaml('ssh_servce: {enabled: true}\n'),
      '5:1: ssh_servce: unknown field; did you mean ssh_service?',
    ],
    [
      'a switch that is none',
      yaml('ssh_service: {enabled: perhaps}\n'),
      '5:15: ssh_service.enabled: expected yes or no (or true, false, on, off), got perhaps',
    ],
    [
      'a switch with a slip',
      yaml('app_service: {enabeld: yes}\n'),
      '5:15: app_service.enabeld: unknown field; did you mean enabled?',
    ],
    [
      'the auth service',
      yaml('auth_service: {enabled: yes}\n'),
      '5:1: auth_service: the broker is the auth service: write enabled: no',
    ],
    [
      'the auth service, which is on by default where its section stands',
      yaml('auth_service: {}\n'),
      '5:1: auth_service: the broker is the auth service: write enabled: no',
    ],
    [
      'a service of none of ours',
      yaml('okta_service: {enabled: on}\n'),
      '5:1: okta_service: there is no okta_service here: write enabled: no',
    ],
    [
      'two services',
      yaml('app_service: {enabled: yes}\nssh_service: {enabled: yes}\n'),
      '5:1: app_service: expected one enabled service for each file, got ssh_service and app_service: give each a file with a data_dir of its own, and switch the other off there',
    ],
    [
      'no service',
      yaml('ssh_service: {enabled: no}\n'),
      '5:1: ssh_service: expected one enabled service (ssh_service, proxy_service, kubernetes_service, app_service, db_service, windows_desktop_service, discovery_service), got none',
    ],
    [
      'no address',
      'version: v3\nteleport:\n  join_params: {token_name: t, method: azure}\n',
      '2:1: teleport.proxy_server: missing; expected host:port or https://host:port (http:// for loopback only)',
    ],
    [
      'two addresses',
      yaml('', '  auth_server: b.example.com\n'),
      '5:3: teleport.auth_server: expected one of proxy_server and auth_server, got both',
    ],
    [
      'no join method',
      'version: v3\nteleport:\n  join_params: {token_name: t}\n  proxy_server: b\n',
      '3:3: teleport.join_params.method: missing; expected one of azure, iam, token',
    ],
    [
      'no join token',
      'version: v3\nteleport:\n  join_params: {method: azure}\n  proxy_server: b\n',
      '3:3: teleport.join_params.token_name: missing; expected the name of a join token, or the path of its file',
    ],
    [
      'a pin that is none',
      yaml('', '  ca_pin: sha256:abc\n'),
      '5:3: teleport.ca_pin: expected sha256: and 64 hex digits, got sha256:abc',
    ],
    [
      'pins in another form',
      yaml('', '  ca_pin: 5\n'),
      '5:3: teleport.ca_pin: expected a CA pin (sha256: and 64 hex digits), or a list of them, got 5',
    ],
    [
      'a token as older versions had it',
      yaml('', '  auth_token: t\n'),
      '5:3: teleport.auth_token: expected join_params, with token_name and method, instead',
    ],
    ['an empty section', yaml('ssh_service:\n'), '5:1: ssh_service: expected fields, got nothing'],
  ])('%s', (_, text, said) => {
    expect(failureOf(text)).toBe(`teleport.yaml:${said}`);
  });

  test.each([
    ['token_name', 'version: v3\nteleport: {join_params: {token_name: "my secret!"}}\n'],
    ['auth_token', 'version: v3\nteleport: {auth_token: "my secret!"}\n'],
  ])('and never shows what may be a secret: %s', (field, text) => {
    const said = failureOf(text);
    expect(said).toContain(field);
    expect(said).not.toContain('my secret');
  });

  test('outputs, which are for bots', () => {
    expect(failureOf(GUIDE, ['--destination-dir=/opt/x'])).toBe(
      '--destination-dir: expected none for a Node: its files are in data_dir',
    );
  });
});

describe("certifies, for a Node, sshd's own host key", () => {
  const [first, second] = ['/etc/ssh/ssh_host_ed25519_key.pub', '/etc/ssh/ssh_host_ecdsa_key.pub'];
  const keyOf = (flags: readonly string[], files: Readonly<Record<string, string>>) =>
    settingsOf(GUIDE, flags, files).host?.sshHostKey;

  test('Ed25519 before ECDSA, since clients prefer it', () => {
    const key = `${KEY} root@host\n`;
    expect(keyOf([], { [first]: key, [second]: 'other' })).toBe(key.trimEnd());
    expect(keyOf([], { [second]: key })).toBe(key.trimEnd());
  });

  test('or a key of its own where there is none that it knows', () => {
    expect(keyOf([], {})).toBeUndefined();
    expect(keyOf([], { [first]: 'nonsense' })).toBeUndefined();
    expect(keyOf(['--ssh-host-key=none'], { [first]: KEY })).toBeUndefined();
  });

  test('or the one of the flag', () => {
    expect(keyOf(['--ssh-host-key=/srv/key.pub'], { '/srv/key.pub': KEY })).toBe(KEY);
    expect(failureOf(GUIDE, ['--ssh-host-key=/srv/key.pub'])).toBe(
      '--ssh-host-key: expected the public half of an Ed25519 or ECDSA host key (a .pub file), or none; got /srv/key.pub',
    );
    expect(failureOf(yaml('app_service: {enabled: yes}\n'), ['--ssh-host-key=none'])).toBe(
      '--ssh-host-key is for a teleport.yaml with ssh_service only',
    );
  });
});
