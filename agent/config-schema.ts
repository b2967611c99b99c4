/** The config file: the form of `tbot`'s, version v2, as far as the agent goes. */
import * as z from 'zod/mini';
import { joinMethod } from '../shared/protocol/join.ts';
import { caPin } from '../shared/protocol/trust.ts';
import { duration, guid, name } from '../shared/protocol/values.ts';
import { BROKER_ADDRESS, brokerOrigin } from './addresses.ts';

export const address = z
  .string()
  .check(z.refine((text) => brokerOrigin(text) !== undefined, `expected ${BROKER_ADDRESS}`));

/** Paths go into OpenSSH's configuration, where these characters mean something else. */
export const directoryPath = z
  .string()
  .check(
    z.regex(
      /^(?!.*\$\{)[^\p{Cc}"\\]{1,1024}$/u,
      'expected a path without quotes, backslashes, ${ or control characters',
    ),
  );

const directory = z.strictObject({ type: z.literal('directory'), path: directoryPath });

const identityOutput = z.strictObject({
  type: z.literal('identity'),
  destination: directory,
  roles: z.optional(z.array(name).check(z.maxLength(32))),
});

/** A join token's name, its secret, or where either is. Which one it must be depends on the join method. */
export const joinTokenText = z
  .string()
  .check(
    z.regex(
      /^(?:[A-Za-z0-9][A-Za-z0-9._-]{0,62}|(?:file:|\/)[^\p{Cc}]{1,1024})$/u,
      'expected the name of a join token, a secret, or file: and the path of a file that holds it',
    ),
  );

/** Which managed identity, and what its access token is for. */
export const azureIdentity = z.strictObject({
  client_id: z.optional(guid),
  audience: z.optional(
    z
      .string()
      .check(
        z.regex(
          /^[\x21-\x7e]{1,256}$/,
          'expected a resource such as https://management.azure.com/',
        ),
      ),
  ),
});

/** A join asks for at most 16 certificates; the agent's own is one of them. */
const MOST_OUTPUTS = 15;

export const configFile = z.strictObject({
  version: z.literal('v2'),
  proxy_server: z.optional(address),
  auth_server: z.optional(address),
  onboarding: z.optional(
    z.strictObject({
      join_method: z.optional(joinMethod),
      token: z.optional(joinTokenText),
      ca_pins: z.optional(z.array(caPin).check(z.maxLength(16))),
      azure: z.optional(azureIdentity),
    }),
  ),
  storage: z.optional(
    z.discriminatedUnion('type', [z.strictObject({ type: z.literal('memory') }), directory], {
      error: 'expected memory or directory',
    }),
  ),
  outputs: z.optional(z.array(identityOutput).check(z.maxLength(MOST_OUTPUTS))),
  oneshot: z.optional(z.boolean()),
  certificate_ttl: z.optional(duration),
  renewal_interval: z.optional(duration),
});
export type ConfigFile = z.infer<typeof configFile>;
