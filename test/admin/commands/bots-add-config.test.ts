/** What `joinctl bots add` prints is a config that works as it is, with a broker deployed as documented. */
import { readFileSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runJoinbot } from '../../../agent/joinbot.ts';
import { createClock as agentClock } from '../../agent/clock.ts';
import { temporaryFolder } from '../../agent/folder.ts';
import { noPrograms } from '../../agent/machine-programs.ts';
import { sendWith } from '../../agent/send-with.ts';
import {
  createTestBroker,
  type TestBroker,
  type TestBrokerOptions,
} from '../../broker/test-broker.ts';
import { terminal } from '../joinctl.ts';
import { BOT, TOKEN } from '../samples.ts';

/** The config in what `bots add` printed. */
const printedConfig = (stdout: string): string =>
  /joinbot\.yaml:\n\n([\s\S]*?)\n\n/.exec(stdout)?.[1] ?? '';

/** The setting as `infra/main.bicep` makes it for these tenants. */
function deployedAudiences(...tenants: readonly string[]): string {
  const bicep = readFileSync(join(import.meta.dirname, '../../../infra/main.bicep'), 'utf8');
  const form = /JOIN_BROKER_AUDIENCES: join\(map\(machineTenants, id => '([^']+)'\), ','\)/.exec(
    bicep,
  );
  return tenants
    .map((id) => (form?.[1] ?? '').replace(/\$\{id\}/, id).replace(/\$\{name\}/, 'prod'))
    .join(',');
}

async function deployed(settings: TestBrokerOptions['settings'] = {}) {
  const api = createTestBroker({ settings });
  const subscription = api.tenant.subscription();
  const machine = subscription.virtualMachine('vm-1', {
    resourceGroup: 'group1',
    systemAssigned: true,
  });
  const token = {
    ...TOKEN,
    spec: {
      ...TOKEN.spec,
      azure: { allow: [{ tenant: api.tenant.id, subscription: subscription.id }] },
    },
  };
  return { api, machine, token };
}

/** Prints the config with `bots add`, as the broker's own discovery makes it. */
async function printed(api: TestBroker, token: typeof TOKEN): Promise<string> {
  const { body } = await api.request('GET', '/v1/webapi/ping');
  const { audiences, ca_pins } = body as { audiences: string[]; ca_pins: string[] };
  const { run } = await terminal({ resources: [token], audiences, pins: ca_pins });
  const { stdout } = await run('bots', 'add', 'example', '--token=example-bot', '--roles=access');
  return printedConfig(stdout);
}

async function joinWith(config: string, { api, machine }: Awaited<ReturnType<typeof deployed>>) {
  const folder = await temporaryFolder();
  const file = join(folder, 'joinbot.yaml');
  await writeFile(file, config.replace(/(?<=path: )\/.*\//g, `${folder}/`));
  const output: string[] = [];
  const { signal } = new AbortController();
  const code = await runJoinbot(['start', '-c', file, '--oneshot'], {
    env: {},
    clock: agentClock(api.clock.now()),
    random: () => 0,
    web: sendWith(async (request) => {
      const { hostname, pathname } = new URL(request.url);
      if (hostname !== 'broker.example.com') return machine.fetch(request);
      const body = request.method === 'POST' ? await request.text() : undefined;
      const answer = await api.request(request.method, pathname, { body });
      return Response.json(answer.body, { status: answer.status });
    }),
    imds: sendWith((request) => machine.fetch(request)),
    stop: signal,
    nextWake: () => signal,
    programs: noPrograms(),
    stdout: () => undefined,
    stderr: (text) => output.push(text),
  });
  return { code, output: output.join(''), files: await readdir(join(folder, 'machine-id')) };
}

describe('the config that joinctl bots add prints', () => {
  it.each([
    ['as infra/main.bicep sets it', (id: string) => deployedAudiences('other-tenant', id)],
    ['with the audience that is accepted where none is set', () => ''],
  ])('joins a broker %s, and writes an identity', async (_, audiences) => {
    const { tenant } = createTestBroker();
    const scene = await deployed({ JOIN_BROKER_AUDIENCES: audiences(tenant.id) });
    await scene.api.put(BOT);
    await scene.api.put({ ...scene.token });
    const { code, output, files } = await joinWith(await printed(scene.api, scene.token), scene);
    expect(code, output).toBe(0);
    expect(files).toContain('tlscert');
  });

  it('lists the audiences where the join token does not say which tenant is meant', async () => {
    const audiences = ['api://one/join-broker-prod', 'api://two/join-broker-prod'];
    const { run } = await terminal({ resources: [TOKEN], audiences });
    const { stdout } = await run('bots', 'add', 'example', '--token=example-bot');
    expect(printedConfig(stdout)).toContain('audience: api://one/join-broker-prod');
    expect(stdout).toContain(
      "The audience is the one with the machine's tenant. There is also:\n  api://two/join-broker-prod\n",
    );
  });

  it('has no audience where agents ask for the right one by themselves', async () => {
    const audiences = ['https://management.azure.com', 'https://management.azure.com/'];
    const { run } = await terminal({ resources: [TOKEN], audiences });
    const { stdout } = await run('bots', 'add', 'example', '--token=example-bot');
    expect(stdout).not.toContain('audience');
  });
});
