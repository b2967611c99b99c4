/** The config file: the form of `tbot`'s, version v2, as far as the agent goes. */
import * as z from 'zod/mini';
import { joinMethod, systemRole } from '../shared/protocol/join.ts';
import { caPin } from '../shared/protocol/trust.ts';
import { guid } from '../shared/protocol/values.ts';
import { BROKER_ADDRESS, brokerOrigin } from './addresses.ts';
import { durationText } from './duration.ts';
import { directory, directoryPath, memory } from './outputs/common-fields.ts';
import { outputSchema } from './outputs/outputs.ts';
import { workloadApiService } from './workload-api/config.ts';

/** `$` and `{` may stand in a URL's host, but nobody means them. */
const plain = (text: string): boolean => !text.includes('${');
const NO_VARIABLES = 'expected the value itself: variables ($ and braces) are not replaced here';

export const address = z.string().check(
  z.refine(plain, { error: NO_VARIABLES, abort: true }),
  z.refine((text) => brokerOrigin(text) !== undefined, `expected ${BROKER_ADDRESS}`),
);

/** Written by people: tools show hex digits in either case. */
export const caPinText = z.pipe(
  z.pipe(
    z.string(),
    z.transform((text) => text.toLowerCase()),
  ),
  caPin,
);

const place = z.discriminatedUnion('type', [memory, directory], {
  error: 'expected memory or directory',
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

export const audienceText = z
  .string()
  .check(
    z.refine(plain, { error: NO_VARIABLES, abort: true }),
    z.regex(/^[\x21-\x7e]{1,256}$/, 'expected a resource such as https://management.azure.com/'),
  );

/** Which managed identity, and what its access token is for. */
export const azureIdentity = z.strictObject({
  client_id: z.optional(guid),
  audience: z.optional(audienceText),
});

/** A join asks for at most 16 certificates; the agent's own is one of them. */
export const MOST_OUTPUTS = 15;

/** tbot writes outputs under either name. */
const services = z.optional(
  z
    .array(z.discriminatedUnion('type', [outputSchema, workloadApiService]))
    .check(z.maxLength(MOST_OUTPUTS)),
);
const outputs = z.optional(z.array(outputSchema).check(z.maxLength(MOST_OUTPUTS)));

export const configFile = z.strictObject({
  version: z.literal('v2'),
  proxy_server: z.optional(address),
  auth_server: z.optional(address),
  onboarding: z.optional(
    z.strictObject({
      join_method: z.optional(joinMethod),
      /** What joins, as `roles` of the join token has it; absent: a bot. */
      role: z.optional(systemRole),
      token: z.optional(joinTokenText),
      ca_pins: z.optional(z.array(caPinText).check(z.maxLength(16))),
      ca_path: z.optional(directoryPath),
      azure: z.optional(azureIdentity),
    }),
  ),
  storage: z.optional(place),
  outputs,
  services,
  oneshot: z.optional(z.boolean()),
  debug: z.optional(z.boolean()),
  log_format: z.optional(z.enum(['text', 'json'])),
  diag_addr: z.optional(z.string()),
  credential_ttl: z.optional(durationText),
  /** The older name of `credential_ttl`. */
  certificate_ttl: z.optional(durationText),
  renewal_interval: z.optional(durationText),
  /** How often to ask for revocation lists. */
  revocation_interval: z.optional(durationText),
  insecure: z.optional(
    z.literal(false, {
      error:
        "expected false: TLS is always checked; give the broker's authority with onboarding.ca_path, and pin its root with onboarding.ca_pins",
    }),
  ),
  fips: z.optional(
    z.literal(false, { error: 'expected false: this agent makes no promise about FIPS 140' }),
  ),
});
export type ConfigFile = z.infer<typeof configFile>;
