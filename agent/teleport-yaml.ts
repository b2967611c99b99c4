/**
 * A `teleport.yaml` as settings of a host's join. One file joins as one service: each service has an instance, keys and
 * a directory of its own.
 *
 * What is not written is off, but for `ssh_service`: a file that enables nothing else joins as a Node, as it does with
 * Teleport.
 */

import { nearestName } from '../shared/protocol/nearest-name.ts';
import { SERVICES, type ServiceName } from '../shared/protocol/services.ts';
import type { ConfigFile } from './config-schema.ts';
import { printable } from './printable.ts';
import type { HostService } from './settings.ts';
import {
  FOREIGN_SERVICES,
  IDLE_FIELDS,
  readSwitch,
  type TeleportYaml,
  teleportYaml,
} from './teleport-schema.ts';
import type { FailureAt, YamlFile } from './yaml-file.ts';

/** Only root may write above it: what `sshd` is told to trust lies there. So it is not below the agent's own directory. */
const DEFAULT_DATA_DIR = '/var/lib/joinbot-node';

/** The join that the file asks for, as the agent's own config file would say it. */
interface HostConfig {
  readonly value: ConfigFile;
  readonly host: HostService;
  /** Takes a path of the agent's own form. */
  readonly failure: FailureAt;
}

/** Throws a `Failure` that names the place in the file. */
export function readTeleportYaml(file: YamlFile): HostConfig {
  const yaml = file.read(teleportYaml);
  refuseMisspeltSwitches(yaml, file);
  const service = enabledService(yaml, file);
  return {
    value: configOf(yaml),
    host: { role: SERVICES[service], notes: notesOn(yaml, service) },
    failure: (path, message) => file.failure(placeOf(path), message),
  };
}

function configOf({ teleport }: TeleportYaml): ConfigFile {
  const { join_params: join, proxy_server, auth_server, ca_pin: pins } = teleport;
  return {
    version: 'v2',
    ...(proxy_server !== undefined && { proxy_server }),
    ...(auth_server !== undefined && { auth_server }),
    onboarding: {
      ...(join?.method !== undefined && { join_method: join.method }),
      ...(join?.token_name !== undefined && { token: join.token_name }),
      ...(join?.azure && { azure: join.azure }),
      ...(pins && { ca_pins: typeof pins === 'string' ? [pins] : pins }),
    },
    storage: { type: 'directory', path: teleport.data_dir ?? DEFAULT_DATA_DIR },
  };
}

/** Where a field of the agent's own form stands in a `teleport.yaml`. */
function placeOf([first, second]: readonly PropertyKey[]): readonly PropertyKey[] {
  if (first === 'onboarding' && second === 'join_method')
    return ['teleport', 'join_params', 'method'];
  if (first === 'onboarding' && second === 'token')
    return ['teleport', 'join_params', 'token_name'];
  if (first === 'storage') return ['teleport', 'data_dir'];
  return first === 'proxy_server' || first === 'auth_server' ? ['teleport', first] : ['teleport'];
}

const SERVICE_NAMES = Object.keys(SERVICES) as ServiceName[];

/** A service's other fields may be anything, so a slip in this one would go unseen, and leave the service as it is. */
function refuseMisspeltSwitches(yaml: TeleportYaml, { failure }: YamlFile): void {
  for (const name of [...SERVICE_NAMES, ...FOREIGN_SERVICES]) {
    for (const field of Object.keys(yaml[name] ?? {})) {
      if (field !== 'enabled' && nearestName(field, ['enabled']) !== undefined)
        throw failure([name, field], 'unknown field; did you mean enabled?');
    }
  }
}

function enabledService(yaml: TeleportYaml, { failure }: YamlFile): ServiceName {
  for (const name of FOREIGN_SERVICES) {
    if (!isEnabled(name, yaml)) continue;
    const why =
      name === 'auth_service' ? 'the broker is the auth service' : `there is no ${name} here`;
    throw failure([name], `${why}: write enabled: no`);
  }
  const enabled = SERVICE_NAMES.filter((name) => isEnabled(name, yaml));
  const [service = 'ssh_service', second] = enabled;
  if (second !== undefined) {
    const message = `expected one enabled service for each file, got ${service} and ${second}: give each a file with a data_dir of its own, and switch the other off there`;
    throw failure([second], message);
  }
  if (enabled.length === 0 && yaml.ssh_service) {
    const message = `expected one enabled service (${SERVICE_NAMES.join(', ')}), got none`;
    throw failure(['ssh_service'], message);
  }
  return service;
}

/** Whose section alone is enough to switch them on. The others are off until they say otherwise. */
const ON_WHEN_WRITTEN: readonly string[] = ['auth_service', 'ssh_service', 'proxy_service'];

function isEnabled(name: keyof TeleportYaml & `${string}_service`, yaml: TeleportYaml): boolean {
  const section = yaml[name];
  if (section === undefined) return false;
  return section.enabled === undefined
    ? ON_WHEN_WRITTEN.includes(name)
    : readSwitch(section.enabled) === true;
}

/** What a reader of the file may expect to have an effect, and has none. */
function notesOn(yaml: TeleportYaml, service: ServiceName): string[] {
  const { nodename } = yaml.teleport;
  const idle = [
    ...IDLE_FIELDS.filter((field) => yaml.teleport[field] !== undefined).map(
      (field) => `teleport.${field}`,
    ),
    ...Object.keys(yaml[service] ?? {})
      .filter((field) => field !== 'enabled')
      .map((field) => `${service}.${printable(field, 64)}`),
  ];
  return [
    ...(nodename === undefined
      ? []
      : [
          `nodename ${printable(nodename, 64)} is what this machine says of itself: the certificates have the names that the join token makes from what is attested`,
        ]),
    ...(idle.length === 0 ? [] : [`these fields make no difference here: ${idle.join(', ')}`]),
  ];
}
