import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { hasProgram } from '../programs.ts';
import { bodyOf } from './bicep-file.ts';
import { readValue, type Value } from './bicep-value.ts';
import { bicepFile, ROOT } from './project-files.ts';

const TENANT = '00000000-0000-4000-8000-000000000001';

/** Stands in for the Azure CLI: answers from the calls that it got so far. */
const FAKE_AZ = `
const { appendFileSync, readFileSync } = require('node:fs');
const args = process.argv.slice(2);
const file = process.env.AZ_CALLS;
const before = readFileSync(file, 'utf8');
const option = (name) => args[args.indexOf(name) + 1];
const url = args[0] === 'rest' ? option('--url') : '';
const body = args.includes('--body') ? JSON.parse(option('--body')) : undefined;
appendFileSync(file, JSON.stringify({ method: option('--method'), url, body }) + '\\n');
const query = args.includes('--query') ? option('--query') : '';
const answers = {
  'endpoints.microsoftGraphResourceId': 'https://graph.microsoft.us',
  tenantId: '${TENANT}',
  'user.type': 'user',
  appId: url.includes('-operators') ? 'operators-client' : 'join-client',
  id: args[0] === 'ad' ? 'me' : 'principal-of-' + (url.split("'")[1] || ''),
};
const [, role] = /appRoleId=='([^']*)'/.exec(query) ?? [];
if (role) process.stdout.write(before.includes('"appRoleId":"' + role + '"') ? 'assignment\\n' : '');
else if (answers[query]) process.stdout.write(answers[query] + '\\n');
`;

interface Call {
  readonly method: string;
  readonly url: string;
  readonly body?: Readonly<Record<string, unknown>>;
}

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

interface Run {
  readonly printed: string;
  readonly calls: readonly Call[];
}

/** Runs the script as many times with these arguments, one time after the other in one directory. */
function runEntra(args: readonly string[], times = 1): Run[] {
  const folder = mkdtempSync(join(tmpdir(), 'entra-'));
  folders.push(folder);
  const log = join(folder, 'calls');
  writeFileSync(join(folder, 'az'), `#!${process.execPath}\n${FAKE_AZ}`, { mode: 0o755 });
  writeFileSync(log, '');
  const readCalls = (): Call[] =>
    readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  return Array.from({ length: times }, () => {
    const before = readCalls().length;
    const printed = execFileSync('bash', [join(ROOT, 'infra/entra.sh'), ...args], {
      env: { PATH: `${folder}:${process.env['PATH']}`, AZ_CALLS: log },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return { printed: printed.trim(), calls: readCalls().slice(before) };
  });
}

describe.skipIf(!hasProgram('bash'))('entra.sh', () => {
  it('makes both applications, and prints the client id that main.bicep asks for', () => {
    const [run] = runEntra(['prod']);
    expect(run?.printed).toBe('operators-client');
    const written = run?.calls.filter(({ method }) => method === 'PATCH' || method === 'POST');
    expect(written?.map(({ method, url }) => `${method} ${url}`)).toEqual([
      "PATCH https://graph.microsoft.us/v1.0/applications(uniqueName='join-broker-prod')",
      "PATCH https://graph.microsoft.us/v1.0/servicePrincipals(appId='join-client')",
      "PATCH https://graph.microsoft.us/v1.0/applications(uniqueName='join-broker-prod-operators')",
      "PATCH https://graph.microsoft.us/v1.0/servicePrincipals(appId='operators-client')",
      'POST https://graph.microsoft.us/v1.0/servicePrincipals/principal-of-operators-client/appRoleAssignedTo',
      'POST https://graph.microsoft.us/v1.0/servicePrincipals/principal-of-operators-client/appRoleAssignedTo',
    ]);
  });

  it('run again, makes nobody an administrator twice', () => {
    const posts = runEntra(['prod'], 2).map(
      ({ calls }) => calls.filter(({ method }) => method === 'POST').length,
    );
    expect(posts).toEqual([2, 0]);
  });

  it('in a further tenant makes the join application only', () => {
    const [run] = runEntra(['prod', '--join-only']);
    expect(run?.printed).toBe('');
    expect(run?.calls.some(({ url }) => url.includes('operators'))).toBe(false);
  });

  it.each(['', 'Prod', 'a-name-too-long', 'prod --else'])('refuses the arguments "%s"', (args) => {
    expect(() => runEntra(args.split(' '))).toThrow();
  });

  it.each([
    ['operatorsApplication', "uniqueName='join-broker-prod-operators'"],
    ['joinApplication', "uniqueName='join-broker-prod'"],
    ['operatorsPrincipal', "appId='operators-client'"],
    ['joinPrincipal', "appId='join-client'"],
  ])('gives the properties of %s in entra.bicep', (name, key) => {
    const [run] = runEntra(['prod']);
    const sent = run?.calls.find(
      ({ method, url }) => method === 'PATCH' && url.includes(key),
    )?.body;
    const file = bicepFile('infra/entra.bicep');
    const body = bodyOf(file.declarations.find((declaration) => declaration.name === name)?.value);
    const {
      uniqueName: _,
      appId: __,
      ...properties
    } = plain(body && readValue(file, body)) as Plain;
    expect(sent).toEqual(properties);
  });
});

type Plain = Readonly<Record<string, unknown>>;

/** What is written in Bicep as it is, and anything of the type where it is computed. */
function plain(value: Value | undefined): unknown {
  switch (value?.kind) {
    case 'text':
      return value.text;
    case 'list':
      return value.items.map(plain);
    case 'object':
      return Object.fromEntries(
        Object.entries(value.properties).map(([name, part]) => [name, plain(part)]),
      );
    case 'computed':
      if (value.type === 'string')
        return expect.stringContaining(TEXT_OF_A_TEMPLATE[value.node.text] ?? '');
      return value.node.type === 'identifier' || value.node.type === 'member_expression'
        ? expect.anything()
        : JSON.parse(value.node.text);
    default:
      throw new Error('expected a value');
  }
}

/** What the templates of entra.bicep make of the name `prod`. */
const TEXT_OF_A_TEMPLATE: Readonly<Record<string, string>> = {
  "'Join Broker ${name}: operators'": 'Join Broker prod: operators',
  "'Join Broker ${name}: joining machines'": 'Join Broker prod: joining machines',
  "'${identifierBase}-operators'": `api://${TENANT}/join-broker-prod-operators`,
  "'api://${tenant().tenantId}/join-broker-${name}'": `api://${TENANT}/join-broker-prod`,
};
