import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createFunctionsHost } from '../../local/functions-host.ts';
import { ROOT } from '../scenarios/scenario.ts';

test('the bundle registers exactly these functions, routes, methods and schedules', async () => {
  const host = await createFunctionsHost(ROOT, { log: () => {} });
  onTestFinished(() => host.close());
  const told = host.functions
    .map((found) =>
      'schedule' in found
        ? `${found.name}: ${found.schedule}`
        : `${found.name}: ${found.methods.join(',')} ${found.route}`,
    )
    .toSorted();
  expect(told).toEqual([
    'back-up-authorities: GET,HEAD v1/authorities/backup',
    'back-up: 0 22 3 * * *',
    'config-schema: GET,HEAD v1/joinbot.schema.json',
    'delete-instance: DELETE v1/instances/{owner}/{id}',
    'delete-name: DELETE v1/names/{name}',
    'delete-resource: DELETE v1/resources/{kind}/{name}',
    'explain: POST v1/explain',
    'get-audit: GET,HEAD v1/audit/{id}',
    'get-authorities: GET,HEAD v1/authorities',
    'get-instance: GET,HEAD v1/instances/{owner}/{id}',
    'get-join: GET,HEAD v1/joins/{id}',
    'get-name: GET,HEAD v1/names/{name}',
    'get-resource: GET,HEAD v1/resources/{kind}/{name}',
    'healthz: GET,HEAD healthz',
    'heartbeat: POST v1/heartbeat',
    'init-authorities: POST v1/authorities/init',
    'install-script: GET,HEAD scripts/install.sh',
    'join: POST v1/join',
    'list-audit: GET,HEAD v1/audit',
    'list-azure-roots: GET,HEAD v1/azure-roots',
    'list-instances: GET,HEAD v1/instances',
    'list-joins: GET,HEAD v1/joins',
    'list-names: GET,HEAD v1/names',
    'list-resources: GET,HEAD v1/resources/{kind}',
    'not-found: GET,POST,PUT,DELETE,PATCH,HEAD,OPTIONS {*path}',
    'openapi: GET,HEAD v1/openapi.json',
    'probe: 0 3,18,33,48 * * * *',
    'put-resource: PUT v1/resources/{kind}/{name}',
    'readyz: GET,HEAD readyz',
    'restore-authorities: POST v1/authorities/restore',
    'restore-names: POST v1/names',
    'retire-root: POST v1/authorities/tls/retire',
    'revoke: 20 * * * * *',
    'rotate-authority: POST v1/authorities/{name}/rotate',
    'rotate-keys: 0 7 * * * *',
    'sweep: 0 37 * * * *',
    'tool: GET,HEAD scripts/{tool}',
    'trust-form: GET,HEAD v1/trust/{form}',
    'trust: GET,HEAD v1/trust',
    'verify-joins: GET,HEAD v1/join-log/verification',
    'webapi-find: GET,HEAD v1/webapi/find',
    'webapi-ping: GET,HEAD v1/webapi/ping',
    'webapi-version: GET,HEAD v1/webapi/automaticupgrades/channel/{channel}/version',
  ]);
});

test('bad settings leave every function in place: readyz says so, and the log names the setting', async () => {
  const log: string[] = [];
  const host = await createFunctionsHost(ROOT, {
    env: { JOIN_BROKER_CLUSTER_NAME: 'Not A Name' },
    log: (line) => log.push(line),
  });
  onTestFinished(() => host.close());
  const broker = await host.listen();
  expect((await fetch(`${broker}/healthz`)).status).toBe(200);
  const ready = await fetch(`${broker}/readyz`);
  expect(ready.status).toBe(503);
  expect(await ready.json()).toMatchObject({ code: 'unavailable', detail: 'not ready: settings' });
  expect(log.join('\n')).toContain('JOIN_BROKER_CLUSTER_NAME: expected 1 to 63 lower-case letters');
  expect(log.join('\n')).toContain('JOIN_BROKER_TABLES_URL: expected a value');
  expect(log.join('\n')).not.toContain('Not A Name');
});

test('what a cold start reads has nothing that only operators, the prober or a first deployment need', async () => {
  const main = await readFile(join(ROOT, 'dist/functions/main.cjs'), 'utf8');
  for (const name of [
    'createBrokerForOperators',
    'createResourceApi',
    'createChangeAudit',
    'verifyJoinLog',
    'makeDataKey',
    'explain(asked',
    'openInstallation',
    'createProber',
    'openAzureTables',
    'jwtVerify',
  ])
    expect(main).not.toContain(`function ${name}`);
  expect(main).toContain('function createBroker');
  // A start gets slower with each byte: whoever needs more here looks first for what can be loaded later.
  expect(main.length).toBeLessThan(400 * 1024);
});
