/** What to write and start on a machine that joins by what it is: methods `azure` and `iam`. */
import type { Resource } from '../../shared/protocol/resource.ts';
import { field } from '../resource-fields.ts';
import { toYaml } from '../resource-output.ts';

const CONFIG_FILE = '/etc/joinbot.yaml';

export function agentConfigSteps(token: Resource, broker: string, pins: readonly string[]): string {
  const method = field(token.spec, 'join_method');
  const identity =
    method === 'azure'
      ? 'A user-assigned identity of the machine is named under onboarding as azure: {client_id: <its id>}.\n'
      : '';
  return `On the machine, write ${CONFIG_FILE}:

${toYaml({
  version: 'v2',
  proxy_server: broker,
  onboarding: { join_method: method, token: token.metadata.name, ca_pins: pins },
  storage: { type: 'memory' },
  outputs: [],
})}
${identity}Then start the agent:

  joinbot start -c ${CONFIG_FILE}
`;
}
