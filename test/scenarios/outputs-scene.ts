/** A host and a bot that joined with outputs for real programs, beside the whole stack. */
import { join } from 'node:path';
import { BOT_TOKEN, type OpenScenario, openScenario, succeeded } from './scenario.ts';

/** The attested name of `vm-system`, which joins as a host. */
export const HOST_NAME = 'vm-system.group1.join-broker.local';
export const BOT = 'example';

const HOST_TOKEN = `kind: token
version: v2
metadata: {name: servers}
spec:
  roles: [App, Node, Db]
  join_method: azure
  azure:
    allow: [{subscription: 11111111-1111-1111-1111-111111111111, resource_groups: [group1]}]
`;

export interface OutputScene extends OpenScenario {
  /** Joins `vm-system` once as this role; each output is one line of YAML. */
  joinHost(role: string, ...outputs: readonly string[]): Promise<void>;
  /** Joins `vm-user` once as the bot. */
  joinBot(...outputs: readonly string[]): Promise<void>;
  /** The fields of an output in a directory of its own, and that directory. */
  output(name: string, fields: string): string;
  path(name: string): string;
}

export async function openOutputScene(logins: string): Promise<OutputScene> {
  const scenario = await openScenario();
  const { joinctl, write, joinbot, folder, stack } = scenario;
  succeeded(await joinctl('create', '-f', await write('bot-token.yaml', BOT_TOKEN)));
  succeeded(await joinctl('create', '-f', await write('servers.yaml', HOST_TOKEN)));
  const add = ['bots', 'add', BOT, '--roles=access', `--logins=${logins}`, '--token=example-bot'];
  succeeded(await joinctl(...add));

  const start = async (machine: string, onboarding: string, outputs: readonly string[]) => {
    const lines = [
      'version: v2',
      `proxy_server: ${stack.endpoints.broker}`,
      `onboarding: {join_method: azure, ${onboarding}}`,
      'outputs:',
      ...outputs,
    ];
    const config = await write(`${machine}.yaml`, `${lines.join('\n')}\n`);
    succeeded(await joinbot(machine, 'start', '-c', config, '--oneshot'));
  };
  return {
    ...scenario,
    path: (name) => join(folder, name),
    output: (name, fields) =>
      `  - {${fields}, destination: {type: directory, path: ${join(folder, name)}}}`,
    joinHost: (role, ...outputs) => start('vm-system', `token: servers, role: ${role}`, outputs),
    joinBot: (...outputs) =>
      start(
        'vm-user',
        'token: example-bot, azure: {client_id: 22222222-2222-2222-2222-222222222222}',
        outputs,
      ),
  };
}
