/** `teleport.yaml`, version v3: the form that names a host, as far as it says how to join. */
import * as z from 'zod/mini';
import { joinMethod } from '../shared/protocol/join.ts';
import { SERVICES, type ServiceName } from '../shared/protocol/services.ts';
import { address, azureIdentity, caPinText, joinTokenText } from './config-schema.ts';
import { directoryPath } from './outputs/common-fields.ts';

/** Services that a file may switch off, and that there are none of here. */
export const FOREIGN_SERVICES = [
  'auth_service',
  'debug_service',
  'jamf_service',
  'metrics_service',
  'okta_service',
  'relay_service',
  'tracing_service',
] as const;

/** Fields of `teleport` that say nothing about a join. */
export const IDLE_FIELDS = [
  'advertise_ip',
  'cache',
  'ciphers',
  'connection_limits',
  'diag_addr',
  'kex_algos',
  'log',
  'mac_algos',
  'pid_file',
  'storage',
] as const;

const YES = ['yes', 'yeah', 'y', 'true', '1', 'on'];
const NO = ['no', 'nope', 'n', 'false', '0', 'off'];

/** A switch as people write it; `undefined` where it is none. YAML itself knows `true` and `false` alone. */
export function readSwitch(value: unknown): boolean | undefined {
  const word = String(value).toLowerCase();
  return YES.includes(word) ? true : NO.includes(word) ? false : undefined;
}

const onOrOff = z.custom<unknown>(
  (value) => readSwitch(value) !== undefined,
  'expected yes or no (or true, false, on, off)',
);

/** What else a service would do is not the agent's business. */
const service = z.looseObject({ enabled: z.optional(onOrOff) });

const named = <K extends string, T extends z.ZodMiniType>(names: readonly K[], schema: T) =>
  Object.fromEntries(names.map((name) => [name, schema])) as Record<K, T>;

const anything = z.optional(z.unknown());
const optionalService = z.optional(service);

export const teleportYaml = z.strictObject({
  version: z.literal('v3'),
  teleport: z.strictObject({
    join_params: z.optional(
      z.strictObject({
        token_name: z.optional(joinTokenText),
        method: z.optional(joinMethod),
        azure: z.optional(azureIdentity),
      }),
    ),
    auth_token: z.optional(
      z.custom<never>(() => false, 'expected join_params, with token_name and method, instead'),
    ),
    proxy_server: z.optional(address),
    auth_server: z.optional(address),
    ca_pin: z.optional(
      z.union([z.literal(''), caPinText, z.array(caPinText).check(z.maxLength(16))], {
        error: 'expected a CA pin (sha256: and 64 hex digits), or a list of them',
      }),
    ),
    data_dir: z.optional(directoryPath),
    nodename: z.optional(z.string()),
    ...named(IDLE_FIELDS, anything),
  }),
  ...named(Object.keys(SERVICES) as ServiceName[], optionalService),
  ...named(FOREIGN_SERVICES, optionalService),
});
export type TeleportYaml = z.infer<typeof teleportYaml>;
