/** The JSON Schema of the config file: editors and the agent are of one opinion. */
import { readdirSync, readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { configJsonSchema } from '../../../agent/config-document/json-schema.ts';
import { readConfig } from '../../../agent/config-file.ts';
import { refuseOtherForms, withoutEmptyFields } from '../../../agent/config-forms.ts';
import { configFile } from '../../../agent/config-schema.ts';
import { Failure } from '../../../agent/failure.ts';
import { parseWith } from '../../../shared/protocol/schema.ts';
import { beside } from '../../beside.ts';
import { codeBlocks } from '../../docs/markdown.ts';

const ROOT = new URL('../../../', import.meta.url);
const CASES = beside('cases/agent/');
const validate = new Ajv({ strict: true, allowUnionTypes: true }).compile({
  ...configJsonSchema(),
} as object);

/** What an editor says of this text. */
const fits = (text: string): boolean => validate(parse(text, { merge: true }));

/** What the agent's own reader says of it. */
function isTaken(text: string): boolean {
  try {
    readConfig(text, 'joinbot.yaml');
    return true;
  } catch {
    return false;
  }
}

const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');

const documents = (folder: string): string[] =>
  readdirSync(new URL(folder, ROOT), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory()
      ? documents(`${folder}${entry.name}/`)
      : entry.name.endsWith('.md')
        ? [`${folder}${entry.name}`]
        : [],
  );

/** With or without the name of a file behind the word. */
const yamlBlocks = (markdown: string): readonly string[] =>
  codeBlocks(markdown.replaceAll(/^( *```yaml) .*$/gm, '$1'), 'yaml');

/** Every config file of the project. */
const EXAMPLES: readonly (readonly [place: string, text: string])[] = [
  ['examples/joinbot.yaml', read('examples/joinbot.yaml')],
  ...['README.md', ...documents('docs/')].flatMap((file) =>
    yamlBlocks(read(file))
      .filter((text) => /^version: v2$/m.test(text) && !/^kind:/m.test(text))
      .map((text, position) => [`${file}, ${position + 1}`, text] as const),
  ),
];

describe('the examples of the project', () => {
  test('are found', () => {
    expect(EXAMPLES.length).toBeGreaterThan(8);
  });

  test.each(EXAMPLES)('%s fits', (_, text) => {
    expect(isTaken(text)).toBe(true);
    fits(text);
    expect(validate.errors).toBe(null);
  });
});

describe.skipIf(!CASES.here)("files of tbot's users", () => {
  /** Its form is another one: that of hosts. */
  const OTHER_FORM = '16-teleport-yaml.yaml';

  test.each(CASES.names.filter((name) => name !== OTHER_FORM))('%s: the same answer', (name) => {
    const text = readFileSync(new URL(name, CASES.folder), 'utf8');
    expect(fits(text)).toBe(isTaken(text));
  });
});

/** One that has every field, and each kind of output. */
const FULL = `version: v2
proxy_server: broker.example.com:443
onboarding:
  join_method: azure
  role: Bot
  token: example-bot
  ca_pins: ['sha256:${'A'.repeat(64)}']
  ca_path: /etc/ssl/ca.pem
  azure: {client_id: 22222222-2222-2222-2222-222222222222, audience: api://join-broker}
storage: {type: directory, path: /var/lib/joinbot, symlinks: secure, acls: 'off'}
outputs:
  - type: identity
    name: web
    destination: {type: directory, path: out, readers: [{user: a}, {group: b}], mode: "0640"}
    roles: [ci]
    credential_ttl: 1.5h
    renewal_interval: 20m30s
    reload: {command: [/bin/true, x]}
    hosts: ['*.example.org']
    formats: [openssh]
    ssh_config: 'off'
  - type: tls
    destination: {type: kubernetes_secret, name: a, namespace: b, secret_type: Opaque, labels: {a: b}}
    formats: [pem, pkcs12]
    pkcs12: {password_file: /etc/p, alias: a}
    reload: {signal: HUP, pid_file: /run/x.pid, program: nginx}
  - {type: application, destination: {type: memory}, app_name: a, specific_tls_naming: true}
  - type: database
    destination: {type: memory}
    format: mongo
    service: a
    database: b
    username: c
  - {type: ssh_host, destination: {type: memory}, host_key: none, principals: [a]}
services:
  - {type: spiffe, destination: {type: memory}, reload: {systemd_unit: a.service}}
  - {type: workload-identity-x509, destination: {type: memory}}
  - {type: workload-identity-api, listen: 'unix:///run/a.sock', readers: [{user: a}], mode: "0660"}
oneshot: false
debug: true
log_format: json
diag_addr: 127.0.0.1:3001
credential_ttl: 1h
renewal_interval: 20m
insecure: false
fips: false
`;

/** As the agent's reader takes it, without the detour of thousands of texts. */
function isTakenValue(value: unknown): boolean {
  try {
    refuseOtherForms(value, (_, message) => new Failure('config', message));
  } catch {
    return false;
  }
  return parseWith(configFile, withoutEmptyFields(value)).ok;
}

type Path = readonly (string | number)[];

/** Everything in a value, by the way that leads there. */
function* pathsIn(value: unknown, path: Path = []): Generator<Path> {
  yield path;
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value))
    yield* pathsIn(inner, [...path, Array.isArray(value) ? Number(key) : key]);
}

/** The value with another one in this place, or without it. */
function changed(
  value: unknown,
  [first, ...rest]: Path,
  to: { readonly value?: unknown },
): unknown {
  if (first === undefined) return to.value;
  const copy = structuredClone(value) as Record<string | number, unknown>;
  if (rest.length === 0 && !('value' in to)) delete copy[first];
  else copy[first] = changed(copy[first], rest, to);
  return copy;
}

describe('a file with every field', () => {
  const full: unknown = parse(FULL);
  const paths = [...pathsIn(full)].filter((path) => path.length > 0);
  const OTHERS = [
    null,
    0,
    true,
    '',
    'x',
    '~/x',
    'file:x',
    'a b',
    '$' + '{A}',
    '1d',
    '0s',
    'x\n',
    [],
    {},
  ];

  test('fits', () => {
    expect(isTaken(FULL)).toBe(true);
    fits(FULL);
    expect(validate.errors).toBe(null);
  });

  test('gets the same answer with another value in any place, or none, or one too many', () => {
    const edits = paths.flatMap((path) => [
      [path, {}] as const,
      [[...path.slice(0, -1), 'unheard_of'], { value: 1 }] as const,
      ...OTHERS.map((value) => [path, { value }] as const),
    ]);
    const differing = edits.flatMap(([path, to]) => {
      const value = changed(full, path, to);
      const [taken, fit] = [isTakenValue(value), validate(value)];
      return taken === fit ? [] : [`${path.join('.')} ${JSON.stringify(to)}: ${taken} ${fit}`];
    });
    expect(edits.length).toBeGreaterThan(1000);
    expect(differing).toEqual([]);
  });

  test.each([
    'broker.example.com',
    'https://broker.example.com:8443/',
    'HTTPS://BROKER',
    'http://127.0.0.1:7071',
    'http://localhost',
    'http://[::1]:1',
    '[2001:db8::1]:443',
    'http://broker.example.com',
    'ftp://broker',
    'https://broker/path',
    'https://broker?x',
    'https://a@broker',
    'https://$' + '{BROKER}',
  ])('the address %s gets the same answer', (address) => {
    const text = stringify({ version: 'v2', proxy_server: address });
    expect(fits(text)).toBe(isTaken(text));
  });
});

test('is the one that is documented', () => {
  const documented: unknown = JSON.parse(read('docs/reference/joinbot.schema.json'));
  expect(JSON.parse(JSON.stringify(configJsonSchema()))).toEqual(documented);
});

test('says of every field and type what it is for', () => {
  const undescribed: string[] = [];
  const look = (schema: unknown, path: string): void => {
    if (typeof schema !== 'object' || schema === null) return;
    for (const [key, value] of Object.entries(schema)) {
      if (key !== 'properties') {
        look(value, `${path}/${key}`);
        continue;
      }
      for (const [name, field] of Object.entries(value as Record<string, object>)) {
        const { description, $ref } = field as { description?: string; $ref?: string };
        if (!description && !$ref) undescribed.push(`${path}/${name}`);
        look(field, `${path}/${name}`);
      }
    }
  };
  look(configJsonSchema(), '');
  expect(undescribed).toEqual([]);
});
