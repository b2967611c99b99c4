/** `GET /v1/names/{name}`: whose a host's name is, for operators. */
import * as z from 'zod/mini';
import { instanceOwner } from './instance.ts';
import { dnsName, guid, timestamp } from './values.ts';

export const nameRecord = z.object({
  name: dnsName,
  /** What stays the same for the machine, such as its resource id. */
  machine: z.string(),
  owner: instanceOwner,
  /** The instance that got it last. */
  instance: guid,
  since: timestamp,
});
export type NameRecord = z.infer<typeof nameRecord>;
