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
  const startJoiners = () => start({ JOIN_BROKER_PART: 'joiners' });
  const joiners = await startJoiners();
  const operators = await start({
    JOIN_BROKER_PART: 'operators',
    JOIN_BROKER_PUBLIC_URL: joiners.url,
  });
  /** Here that is what `joinctl --proxy` is for a deployed broker. */
  const operatorsAt = (broker: string) =>
    writeEndpoints(join(scenario.folder, '.local', 'endpoints.json'), { ...endpoints, broker });
  const machines = {
    ...scenario,
    stack: { ...scenario.stack, endpoints: { ...endpoints, broker: joiners.url } },
  };
  return { scenario: machines, operators, joiners, startJoiners, operatorsAt };
}

test('machines join at the one, operators ask the other, and each says what is not its own', async () => {
  const { scenario, operators, joiners, startJoiners, operatorsAt } = await startTwoApps();
  const timersOf = ({ app }: typeof joiners) =>
    app.functions.filter(({ trigger }) => trigger === 'timer').map(({ name }) => name);
  expect(timersOf(joiners)).toEqual([]);
  expect(timersOf(operators)).toContain('rotate-keys');

  await operatorsAt(joiners.url);
  const refused = await scenario.joinctl('auth', 'status');
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toContain('operators ask the other app of this broker (joinctl --proxy)');

  await operatorsAt(operators.url);
  const identity = await joinExample(scenario, 'ubuntu');
  const joinsAt = async (broker: string) => {
    const config = ['-c', join(scenario.folder, 'tbot.yaml'), `--proxy-server=${broker}`];
    const args = ['--oneshot', '--destination-dir', identity];
    succeeded(await scenario.joinbot('vm-user', 'start', ...config, ...args));
    return new X509Certificate(await readFile(join(identity, 'tlscert'))).issuer;
  };
  const first = await joinsAt(joiners.url);
  const node = succeeded(await scenario.joinctl('nodes', 'add', '--host-name=web-1.{{cluster}}'));
  expect(node.stdout).toContain(`${joiners.url}/scripts/install.sh`);

  // A leak where machines join: that app is stopped, its keys are replaced, and the lost table is restored.
  await joiners.app.close();
  const backup = join(scenario.folder, 'backup.json');
  const pin = succeeded(await scenario.joinctl('auth', 'status')).stdout.match(/CA pin (\S+)/)?.[1];
  succeeded(await scenario.joinctl('auth', 'rotate', '--type=data', '--now', '--yes'));
  succeeded(await scenario.joinctl('auth', 'backup', `--out=${backup}`));
  succeeded(await scenario.joinctl('auth', 'restore', backup, '--yes'));
  const status = succeeded(await scenario.joinctl('auth', 'status')).stdout;
  expect(status).toContain(`CA pin ${pin}`);

  const anew = await startJoiners();
  expect(await joinsAt(anew.url)).not.toBe(first);
});
