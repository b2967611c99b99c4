import { describe, expect, test } from 'vitest';
import { readConfig } from '../../agent/config-file.ts';

const failureOf = (text: string): string => {
  try {
    readConfig(text, 'tbot.yaml');
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('the config was accepted');
};

test("reads the guide's config unchanged, the key spelt `azure :` too", () => {
  const config = readConfig(
    `version: v2
proxy_server: example.teleport.sh:443
onboarding:
  join_method: azure
  token: example-bot
  azure :
    client_id: 22222222-2222-2222-2222-222222222222
storage:
  type: memory
# outputs will be filled in during the completion of an access guide.
outputs: []
`,
    'tbot.yaml',
  );
  expect(config.value).toEqual({
    version: 'v2',
    proxy_server: 'example.teleport.sh:443',
    onboarding: {
      join_method: 'azure',
      token: 'example-bot',
      azure: { client_id: '22222222-2222-2222-2222-222222222222' },
    },
    storage: { type: 'memory' },
    outputs: [],
  });
});

describe('names file, line, column, field and what was expected', () => {
  test.each([
    ['an empty file', '', '1:1: expected fields, got nothing'],
    ['a list', '- a', '1:1: expected fields, got a list'],
    ['a missing version', 'oneshot: true\n', '1:1: version: missing; expected "v2"'],
    ['another version', 'version: v1\n', '1:1: version: expected "v2", got v1'],
    [
      'an unknown field',
      'version: v2\nonbording: {}\n',
      '2:1: onbording: unknown field; did you mean onboarding?',
    ],
    ['an unknown field like no other', 'version: v2\nfoo: 1\n', '2:1: foo: unknown field'],
    [
      'an unknown field further down',
      'version: v2\nonboarding:\n  azure:\n    clientid: x\n',
      '4:5: onboarding.azure.clientid: unknown field; did you mean client_id?',
    ],
    [
      'an unknown field of a list',
      'version: v2\noutputs:\n  - type: identity\n    destination: {type: directory, path: /x, whatever: 3}\n',
      '4:46: outputs[0].destination.whatever: unknown field',
    ],
    [
      'a misspelt field that would be needed',
      'version: v2\nstorage:\n  type: directory\n  pth: /x\n',
      '4:3: storage.pth: unknown field; did you mean path?',
    ],
    [
      'a field given twice',
      'version: v2\noneshot: true\noneshot: true\n',
      '3:1: not valid YAML: this field is given twice',
    ],
    [
      'a second document',
      'version: v2\n---\nversion: v2\n',
      '2:1: not valid YAML: expected one document, and a second one begins here',
    ],
    [
      'a tab',
      'version: v2\n\toneshot: true\n',
      '2:1: not valid YAML: tabs can not indent; use spaces',
    ],
    ['an alias without its anchor', 'version: *v\n', '1:1: not valid YAML: Unresolved alias'],
    [
      'a storage of another type',
      'version: v2\nstorage:\n  type: dir\n',
      '3:3: storage.type: expected memory or directory, got dir',
    ],
    [
      'a storage without a type',
      'version: v2\nstorage: {}\n',
      '2:1: storage.type: missing; expected memory or directory',
    ],
    [
      'a storage without its path',
      'version: v2\nstorage: {type: directory}\n',
      '2:1: storage.path: missing; expected text',
    ],
    [
      'an output of another type',
      'version: v2\noutputs:\n  - type: ssh-proxy\n    destination: {type: directory, path: /x}\n',
      '3:5: outputs[0].type: there is no type ssh-proxy in this version, only identity, tls, application, database, ssh_host',
    ],
    [
      'another join method',
      'version: v2\nonboarding:\n  join_method: gcp\n',
      '3:3: onboarding.join_method: expected one of azure, iam, token, got gcp',
    ],
    [
      'a client id that is none',
      'version: v2\nonboarding:\n  azure:\n    client_id: abc\n',
      '4:5: onboarding.azure.client_id: expected a GUID, got abc',
    ],
    [
      'a pin that is none',
      'version: v2\nonboarding:\n  ca_pins: [abc]\n',
      '3:13: onboarding.ca_pins[0]: expected sha256: and 64 hex digits, got abc',
    ],
    [
      'a type that is nearly one',
      'version: v2\nservices:\n  - {type: identiy, what: ever}\n',
      '3:6: services[0].type: there is no type identiy in this version, only identity, tls, application, database, ssh_host, spiffe, workload-identity-x509 and workload-identity-api; did you mean identity?',
    ],
    [
      'storage as version 1 had it',
      'version: v2\nstorage:\n  directory: {path: /x}\n',
      '3:3: storage.directory: this is version 1 of the file; write storage: {type: directory, path: …}',
    ],
    [
      'storage in memory as version 1 had it',
      'storage:\n  memory: true\n',
      '2:3: storage.memory: this is version 1 of the file; write storage: {type: memory}',
    ],
    [
      'destinations, as version 1 had them',
      'destinations: []\n',
      '1:1: destinations: this is version 1 of the file; write version: v2, and outputs: [{type: identity, destination: {type: directory, path: …}}] in place of destinations',
    ],
    [
      'destinations in version 2',
      'version: v2\ndestinations: []\n',
      '2:1: destinations: write version: v2, and outputs: [{type: identity,',
    ],
    [
      'a service as an output',
      'version: v2\noutputs:\n  - {type: workload-identity-api, listen: "unix:///x"}\n',
      '3:6: outputs[0].type: there is no type workload-identity-api in this version, only identity, tls, application, database, ssh_host, spiffe and workload-identity-x509',
    ],
    [
      'a destination of another type',
      'version: v2\noutputs:\n  - type: tls\n    destination: {type: directry, path: /x}\n',
      '4:19: outputs[0].destination.type: there is no type directry in this version, only directory, memory and kubernetes_secret; did you mean directory?',
    ],
    [
      'a variable for a host',
      `version: v2\nproxy_server: \${BROKER}:443\n`,
      `2:1: proxy_server: expected the value itself: variables ($ and braces) are not replaced here, got \${BROKER}:443`,
    ],
    [
      'the home directory',
      'version: v2\nstorage: {type: directory, path: ~/x}\n',
      '2:28: storage.path: expected a plain path such as /var/lib/joinbot: ~ and file: mean nothing here, got ~/x',
    ],
    [
      'TLS that is not checked',
      'version: v2\ninsecure: true\n',
      '2:1: insecure: expected false: TLS is always checked',
    ],
    [
      'text for a boolean',
      'version: v2\noneshot: "yes"\n',
      '2:1: oneshot: expected true or false, got the text yes',
    ],
    [
      'a duration that is none',
      'version: v2\ncertificate_ttl: 1 hour\n',
      '2:1: certificate_ttl: expected a duration such as 24h, 30m or 1h30m, got 1 hour',
    ],
    [
      'plain http to elsewhere',
      'version: v2\nproxy_server: http://example.com\n',
      '2:1: proxy_server: expected host:port or https://host:port (http:// for loopback only), got http://example.com',
    ],
    [
      'a path with a quote',
      "version: v2\nstorage: {type: directory, path: 'a\"b'}\n",
      '2:28: storage.path: expected a path without quotes, backslashes, ${ or control characters, got a"b',
    ],
  ])('%s', (_, text, said) => {
    expect(failureOf(text)).toContain(`tbot.yaml:${said}`);
  });
});

test('a type that is like no other is answered with those that there are, and no more', () => {
  expect(failureOf('version: v2\noutputs: [{type: xyz}]\n')).toBe(
    'tbot.yaml:2:12: outputs[0].type: there is no type xyz in this version, only identity, tls, application, database, ssh_host, spiffe and workload-identity-x509',
  );
});

test.each([
  ['no type', '{destination: {type: memory}}', 'outputs[0].type: missing'],
  ['a type that is no text', '{type: 1, destination: {type: memory}}', 'outputs[0].type: expected'],
  ['no fields', 'tls', 'outputs[0]: expected'],
])('an output with %s is told what fits', (_, output, said) => {
  expect(failureOf(`version: v2\noutputs: [${output}]\n`)).toContain(said);
});

test('outputs that are no list are said to be none', () => {
  expect(failureOf('version: v2\noutputs: tls\n')).toContain('2:1: outputs: expected');
});

test('a teleport.yaml is known by its field', () => {
  const { host, value } = readConfig(
    'version: v3\nteleport: {proxy_server: broker.example.com}\nssh_service: {enabled: yes}\n',
    'teleport.yaml',
  );
  expect(host?.role).toBe('Node');
  expect(value.proxy_server).toBe('broker.example.com');
});

test('a token that may be a secret is not repeated', () => {
  expect(failureOf('version: v2\nonboarding:\n  token: 8675309\n')).toBe(
    'tbot.yaml:3:3: onboarding.token: expected text, got a number (put it in quotes)',
  );
  expect(failureOf('version: v2\nonboarding:\n  token: "a secret!"\n')).toBe(
    'tbot.yaml:3:3: onboarding.token: expected the name of a join token, a secret, or file: and the path of a file that holds it',
  );
});

test('control characters of the file do not reach the message', () => {
  expect(failureOf('version: "\\e[31mv2"\n')).toBe(
    'tbot.yaml:1:1: version: expected "v2", got [31mv2',
  );
});

test.each([
  ['nothing below it', 'onboarding:\nstorage:\noutputs:\nservices:\n'],
  ['nothing further down', 'onboarding: {azure: , token: , ca_pins: }\n'],
])('a field with %s is as good as none', (_, text) => {
  const { value } = readConfig(`version: v2\n${text}`, 'tbot.yaml');
  expect(JSON.stringify(value).replace('"onboarding":{},', '')).toMatch(/^\{"version":"v2".*\}$/);
  expect(JSON.stringify(value)).not.toContain('null');
});

test('CA pins may have capital letters', () => {
  const pins = `ca_pins: [SHA256:${'AB'.repeat(32)}]`;
  const { value } = readConfig(`version: v2\nonboarding: {${pins}}\n`, 'tbot.yaml');
  expect(value.onboarding?.ca_pins).toEqual([`sha256:${'ab'.repeat(32)}`]);
});

test('aliases that multiply are refused, also in merge keys', () => {
  const levels = Array.from({ length: 9 }, (_, i) => {
    const below =
      i === 0
        ? '1'
        : `[${Array(9)
            .fill(`*l${i - 1}`)
            .join(', ')}]`;
    return `l${i}: &l${i} ${below}`;
  });
  expect(failureOf(`version: v2\n${levels.join('\n')}\n`)).toContain(
    'not valid YAML: Excessive alias count',
  );
});
