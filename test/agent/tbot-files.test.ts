/**
 * Files as users of tbot write them. They and what each should do lie beside the repository (see test/beside.ts).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { parseCommandLine } from '../../agent/command-line.ts';
import { readConfig } from '../../agent/config-file.ts';
import type { AgentSettings } from '../../agent/settings.ts';
import { startSettings } from '../../agent/start-settings.ts';
import { beside } from '../beside.ts';
import { createRig } from './rig.ts';

const { here, folder: CASES, names } = beside('cases/agent/');

const settingsOf = (
  file: string,
  files: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
): AgentSettings => {
  return settingsFrom(readFileSync(new URL(file, CASES), 'utf8'), file, files, env);
};

const settingsFrom = (
  text: string,
  file: string,
  files: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
): AgentSettings => {
  const command = parseCommandLine(['start']);
  if (command.name !== 'start') throw new Error('not the start command');
  const config = readConfig(text, file);
  return startSettings(command.flags, config, { env, readText: (path) => files[path] });
};

const failureOf = (file: string): string => {
  try {
    settingsOf(file);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it was accepted');
};

const at = (path: string, more: object = {}) => ({
  name: expect.any(String) as never,
  destination: { type: 'directory' as const, path, ...more },
  content: expect.anything() as never,
});
const OUT = at('/opt/case-out');

const WORKS: Readonly<Record<string, Partial<AgentSettings>>> = {
  '01-services-identity.yaml': { outputs: [OUT] },
  '05-diag-debug.yaml': { debug: true, diagnostics: { host: '0.0.0.0', port: 3000 } },
  '06-acls-symlinks.yaml': {
    outputs: [OUT],
    notes: ['these fields make no difference here: symlinks, acls'],
  },
  '07-readers.yaml': {
    outputs: [at('/opt/case-out', { readers: [{ kind: 'user', name: 'jenkins' }] })],
  },
  '10-database.yaml': { outputs: [OUT] },
  '11-credential-ttl.yaml': {
    certificateTtlSeconds: 3600,
    renewalIntervalSeconds: 300,
    outputs: [{ ...OUT, roles: ['deploy'], ttlSeconds: 600 }],
  },
  '12-oneshot-interval.yaml': { oneshot: true, certificateTtlSeconds: 600 },
  '16-teleport-yaml.yaml': { host: { role: 'Node', notes: [expect.any(String)] as never } },
  '17-outputs-null.yaml': { outputs: [] },
  '20-https-url.yaml': { broker: 'https://broker.example.org' },
  '21-bom-crlf.yaml': { broker: 'https://127.0.0.1:7071' },
  '22-dest-memory.yaml': {
    outputs: [],
    notes: ['an output to memory is a trial: nothing is written for it'],
  },
  '25-anchor-comment.yaml': {
    outputs: [at('/opt/case-out/a'), at('/opt/case-out/b')],
  },
  '26-ttl-long.yaml': { certificateTtlSeconds: 172_800, renewalIntervalSeconds: 5400 },
};

/** With one sentence that names file, line and field, and says what to write, or what there is. */
const REFUSED: Readonly<Record<string, string>> = {
  '02-workload-jwt.yaml':
    ':12:5: services[0].type: there is no type workload-identity-jwt in this version, only identity, tls, application, database',
  '04-v1-acls.yaml':
    ':12:1: destinations: this is version 1 of the file; write version: v2, and outputs: [{type: identity,',
  '08-kubernetes-secret.yaml':
    ':7:19: outputs[0].destination.type: expected a pod of Kubernetes: KUBERNETES_SERVICE_HOST is not set',
  '09-token-file.yaml': ':5:3: onboarding.token: /etc/teleport/bot-token: there is no such file',
  '14-multiplexer.yaml':
    ':9:5: services[0].type: there is no type ssh-multiplexer in this version, only identity, tls, application, database',
  '15-destinations-in-v2.yaml': ':5:1: destinations: write version: v2, and outputs: ',
  '18-token-number.yaml': ':3:34: onboarding.token: expected text, got a number (put it in quotes)',
  '19-insecure-fips.yaml': ':2:1: insecure: expected false: TLS is always checked',
  '24-cert-lifetime-day.yaml':
    ':3:1: certificate_ttl: expected a duration such as 24h, 30m or 1h30m, got 1d',
};

describe.skipIf(!here)("files of tbot's users", () => {
  test('are all here', () => {
    const told = [...Object.keys(WORKS), ...Object.keys(REFUSED)];
    expect(names.filter((name) => !told.includes(name))).toEqual([]);
  });

  test.each(Object.entries(WORKS))('%s works', (file, settings) => {
    expect(settingsOf(file)).toMatchObject(settings);
  });

  test.each(Object.entries(REFUSED))('%s is refused', async (file, said) => {
    expect(failureOf(file)).toContain(`${file}${said}`);
    expect(failureOf(file)).not.toContain('123456');
    // The program ends so, and has asked for nothing and made nothing.
    const rig = await createRig();
    expect(await rig.run('start', '-c', fileURLToPath(new URL(file, CASES)))).toBe(1);
    expect(rig.output).toHaveLength(1);
    expect(rig.output[0]).toContain(said);
    expect(rig.broker.calls).toEqual([]);
    expect(readdirSync(rig.folder)).toEqual([]);
  });

  test('14-multiplexer.yaml works without its services', () => {
    const text = readFileSync(new URL('14-multiplexer.yaml', CASES), 'utf8');
    const { services: _, ...others } = parse(text);
    expect(settingsFrom(stringify(others), 'a.yaml').outputs).toHaveLength(1);
  });

  test('24-cert-lifetime-day.yaml: no field takes a number of seconds', () => {
    const text = readFileSync(new URL('24-cert-lifetime-day.yaml', CASES), 'utf8');
    expect(() => settingsFrom(text.replace('1d', '24h'), 'a.yaml')).toThrow(
      'renewal_interval: expected a duration such as 24h, 30m or 1h30m, got 3600',
    );
  });

  test('08-kubernetes-secret.yaml works in a pod', () => {
    const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '6443' };
    const [output] = settingsOf('08-kubernetes-secret.yaml', {}, env).outputs;
    expect(output?.destination).toMatchObject({
      type: 'kubernetes_secret',
      name: 'identity-output',
      secretType: 'Opaque',
      api: { origin: 'https://10.0.0.1:6443' },
    });
  });

  test('09-token-file.yaml works where its files are', () => {
    const pem = readFileSync(
      new URL('../../trust-anchors/digicert-global-root-g2.pem', CASES),
      'utf8',
    );
    const files = { '/etc/teleport/bot-token': 'example-bot\n', '/etc/ssl/ca.pem': pem };
    expect(settingsOf('09-token-file.yaml', files)).toMatchObject({
      token: 'example-bot',
      authorities: pem,
    });
  });
});
