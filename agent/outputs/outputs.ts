/** Every type of output. To add one: a file like those beside this one, and a row here and in the schema. */
import * as z from 'zod/mini';
import { application } from './application.ts';
import { database } from './database.ts';
import { identity } from './identity.ts';
import type { Circumstances, Content, OutputType } from './output.ts';
import { spiffe, workloadIdentityX509 } from './spiffe.ts';
import { sshHost } from './ssh-host.ts';
import { tls } from './tls.ts';

const OUTPUTS = {
  identity,
  tls,
  application,
  database,
  ssh_host: sshHost,
  spiffe,
  'workload-identity-x509': workloadIdentityX509,
};

export const OUTPUT_TYPES = Object.keys(OUTPUTS);

/** One entry of `outputs` in the config file. */
export const outputSchema = z.discriminatedUnion('type', [
  identity.schema,
  tls.schema,
  application.schema,
  database.schema,
  sshHost.schema,
  spiffe.schema,
  workloadIdentityX509.schema,
]);
export type OutputConfig = z.infer<typeof outputSchema>;

/** What the table says of the type of `config`. */
const typeOf = ({ type }: OutputConfig): OutputType<z.ZodMiniType> =>
  OUTPUTS[type] as unknown as OutputType<z.ZodMiniType>;

export const joinOf = (config: OutputConfig): 'bot' | 'host' | undefined => typeOf(config).joinOf;

export const contentOf = (config: OutputConfig, circumstances: Circumstances): Content =>
  typeOf(config).content(config, circumstances);
