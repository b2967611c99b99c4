/** One broker as two apps: the built bundle in two Functions hosts, beside the same tables and the same key file. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { writeEndpoints } from '../../local/endpoints.ts';
import { createFunctionsHost } from '../../local/functions-host.ts';
import { joinExample, ROOT, startScenario, succeeded } from './scenario.ts';

async function startTwoApps() {
  const scenario = await startScenario();
  const { host, settings, endpoints } = scenario.stack;
  await host.close();
  const start = async (part: Readonly<Record<string, string>>) => {
    const env = { ...settings, ...part };
    const app = await createFunctionsHost(ROOT, { env, log: () => {} });
    onTestFinished(app.close);
    return { app, url: await app.listen() };
  };
  const authority = await start({
    JOIN_BROKER_PART: 'authority',
    JOIN_BROKER_PUBLIC_URL: 'http://127.0.0.1:9',
  });
  const requests = await start({
    JOIN_BROKER_PART: 'requests',
    JOIN_BROKER_AUTHORITY_URL: authority.url,
  });
  /** Here that is what `joinctl --proxy` is for a deployed broker. */
  const operatorsAt = (broker: string) =>
    writeEndpoints(join(scenario.folder, '.local', 'endpoints.json'), { ...endpoints, broker });
  const machines = {
    ...scenario,
    stack: { ...scenario.stack, endpoints: { ...endpoints, broker: requests.url } },
  };
  return { scenario: machines, authority, requests, operatorsAt };
}

test('machines join at the one, operators rotate at the other, and each says what is not its own', async () => {
  const { scenario, authority, requests, operatorsAt } = await startTwoApps();
  const timersOf = ({ app }: typeof requests) =>
    app.functions.filter(({ trigger }) => trigger === 'timer').map(({ name }) => name);
  expect(timersOf(requests)).toEqual([]);
  expect(timersOf(authority)).toContain('rotate-keys');

  await operatorsAt(requests.url);
  const identity = await joinExample(scenario, 'ubuntu');
  const issuer = async (): Promise<string> =>
    new X509Certificate(await readFile(join(identity, 'tlscert'))).issuer;
  const first = await issuer();

  const rotate = ['auth', 'rotate', '--type=issuing', '--now', '--yes'] as const;
  const refused = await scenario.joinctl(...rotate);
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toContain(
    `the authorities are changed at ${authority.url} (joinctl --proxy=${new URL(authority.url).host})`,
  );
  expect(succeeded(await scenario.joinctl('auth', 'status')).stdout).toContain('CA pin');

  await operatorsAt(authority.url);
  succeeded(await scenario.joinctl(...rotate));
  const elsewhere = await scenario.joinctl('get', 'bots');
  expect(elsewhere.code).toBe(1);
  expect(elsewhere.stderr).toContain('only the authorities are kept here: ask http://127.0.0.1:9');

  await operatorsAt(requests.url);
  await expect
    .poll(
      async () => {
        const config = join(scenario.folder, 'tbot.yaml');
        const args = ['start', '-c', config, '--oneshot', '--destination-dir', identity];
        succeeded(await scenario.joinbot('vm-user', ...args));
        return issuer();
      },
      { timeout: 60_000, interval: 2000 },
    )
    .not.toBe(first);
});
