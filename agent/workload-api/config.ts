/** `workload-identity-api` in the config file's `services`. */
import * as z from 'zod/mini';
import { COMMON_FIELDS, noSelector, readerList } from '../outputs/common-fields.ts';

const { destination: _, reload: __, ...fields } = COMMON_FIELDS;

/** The address of a socket has at most 107 bytes, and it is made under a longer name. */
const socketAddress = z
  .string()
  .check(
    z.regex(
      /^unix:\/\/\/[\x21\x23-\x5b\x5d-\x7e]{1,80}$/,
      'expected a Unix socket, such as unix:///run/joinbot/workload.sock, with a path of at most 81 plain letters',
    ),
  );

export const workloadApiService = z.strictObject({
  type: z.literal('workload-identity-api'),
  ...fields,
  listen: socketAddress,
  /** Who may connect beside the agent's own user: whoever does gets the private key. */
  readers: readerList,
  mode: z.optional(
    z
      .string('expected a mode in quotes, such as "0660"')
      .check(z.regex(/^0?6[06][06]$/, 'expected "0600", "0660" or "0666"')),
  ),
  selector: noSelector,
});
export type WorkloadApiService = z.infer<typeof workloadApiService>;

export const WORKLOAD_API_TYPE = 'workload-identity-api';
