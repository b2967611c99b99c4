/** What to write and start on a machine that joins by what it is: methods `azure` and `iam`. */
import { schemaLine } from '../../shared/protocol/config-schema-place.ts';
import type { Discovery } from '../../shared/protocol/discovery.ts';
import type { Resource } from '../../shared/protocol/resource.ts';
import { shortAddress } from '../address.ts';
import { field, items, texts } from '../resource-fields.ts';
import { toYaml } from '../resource-output.ts';
import { DATA_DIR, DESTINATION_DIR } from './machine-paths.ts';

const CONFIG_FILE = '/etc/joinbot.yaml';

/** What an agent asks for where its config names no audience. */
const AGENTS_DEFAULT = 'https://management.azure.com/';

/** `broker` is its origin. */
export function agentConfigSteps(
  token: Resource,
  broker: string,
  { ca_pins, audiences = [] }: Discovery,
): string {
  const method = field(token.spec, 'join_method');
  const isAzure = method === 'azure';
  const [audience, ...others] = isAzure ? audiencesFor(token, audiences) : [];
  return `On the machine, write ${CONFIG_FILE}:

${schemaLine(broker)}${toYaml({
  version: 'v2',
  proxy_server: shortAddress(broker),
  onboarding: {
    join_method: method,
    token: token.metadata.name,
    ca_pins,
    ...(audience !== undefined && { azure: { audience } }),
  },
  storage: { type: 'directory', path: DATA_DIR },
  outputs: [{ type: 'identity', destination: { type: 'directory', path: DESTINATION_DIR } }],
})}
${isAzure ? azureNotes(others) : ''}Then start the agent:

  joinbot start -c ${CONFIG_FILE}
`;
}

/**
 * The audience to ask for, and others that may be meant; none where agents ask for the right one by themselves. The config
 * decides it (rule 13): an agent takes none from the broker, which could choose one that is worth stealing.
 */
function audiencesFor({ spec }: Resource, accepted: readonly string[]): readonly string[] {
  if (accepted.includes(AGENTS_DEFAULT)) return [];
  const tenants = items(field(field(spec, 'azure'), 'allow')).flatMap((rule) =>
    texts(field(rule, 'tenant')),
  );
  const named = accepted.filter((audience) => tenants.some((id) => audience.includes(id)));
  return named.length > 0 ? named : accepted;
}

const azureNotes = (others: readonly string[]): string => `${
  others.length > 0
    ? `The audience is the one with the machine's tenant. There ${others.length > 1 ? 'are' : 'is'} also:\n${others.map((audience) => `  ${audience}\n`).join('')}`
    : ''
}A user-assigned identity of the machine is named under onboarding, azure as client_id: <its client id>.
`;
