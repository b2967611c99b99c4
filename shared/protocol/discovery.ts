/** `GET /v1/webapi/ping` and `/v1/webapi/find`: what a tool needs to know of a broker before anything else. */
import * as z from 'zod/mini';
import { isLoopback } from './loopback.ts';
import { caPin } from './trust.ts';
import { guid } from './values.ts';

/** It is printed into command lines: a host by name or IPv4 address, with https but on this machine. */
function isOrigin(text: string): boolean {
  if (!/^https?:\/\/[A-Za-z0-9.-]{1,253}(?::\d{1,5})?$/.test(text) || !URL.canParse(text))
    return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || isLoopback(hostname);
}

export const discovery = z.object({
  server_version: z.string(),
  cluster_name: z.string(),
  /** Where machines reach the broker, if its settings say so: maybe another address than the one that was asked. */
  public_url: z.optional(
    z.string().check(z.refine(isOrigin, 'expected https, a host and maybe a port')),
  ),
  cloud: z.string(),
  ca_pins: z.array(caPin),
  /** Audiences of access tokens that the broker accepts: what agents may ask for. An older broker doesn't say. */
  audiences: z.optional(z.array(z.string())),
  /** How operators sign in: the tenant and the client id of the operators' application. */
  operators: z.object({ tenant: guid, client_id: guid }),
});
export type Discovery = z.infer<typeof discovery>;
