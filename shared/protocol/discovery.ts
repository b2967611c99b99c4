/** `GET /v1/webapi/ping` and `/v1/webapi/find`: what a tool needs to know of a broker before anything else. */
import * as z from 'zod/mini';
import { caPin } from './trust.ts';
import { guid } from './values.ts';

export const discovery = z.object({
  server_version: z.string(),
  cluster_name: z.string(),
  cloud: z.string(),
  ca_pins: z.array(caPin),
  /** Audiences of access tokens that the broker accepts: what agents may ask for. An older broker doesn't say. */
  audiences: z.optional(z.array(z.string())),
  /** How operators sign in: the tenant and the client id of the operators' application. */
  operators: z.object({ tenant: guid, client_id: guid }),
});
export type Discovery = z.infer<typeof discovery>;
