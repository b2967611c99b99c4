/** `GET /v1/webapi/ping` and `/v1/webapi/find`: what a tool needs to know of a broker before anything else. */
import * as z from 'zod/mini';
import { caPin } from './trust.ts';
import { guid } from './values.ts';

function isOrigin(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return /^https?:$/.test(url?.protocol ?? '') && url?.origin === text;
}

export const discovery = z.object({
  server_version: z.string(),
  cluster_name: z.string(),
  /** Where machines reach the broker, if its settings say so: maybe another address than the one that was asked. */
  public_url: z.optional(
    z.string().check(z.refine(isOrigin, 'expected http or https, a host and maybe a port')),
  ),
  cloud: z.string(),
  ca_pins: z.array(caPin),
  /** Audiences of access tokens that the broker accepts: what agents may ask for. An older broker doesn't say. */
  audiences: z.optional(z.array(z.string())),
  /** How operators sign in: the tenant and the client id of the operators' application. */
  operators: z.object({ tenant: guid, client_id: guid }),
});
export type Discovery = z.infer<typeof discovery>;
