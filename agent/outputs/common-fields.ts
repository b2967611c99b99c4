/** Fields of the config file that every output has: where it goes, for how long, and who is told. */
import * as z from 'zod/mini';
import { name } from '../../shared/protocol/values.ts';
import { durationText } from '../duration.ts';

/** Paths go into OpenSSH's configuration, where these characters mean something else. */
export const directoryPath = z.string().check(
  z.refine((text) => !/^(?:~(?:\/|$)|[a-z][a-z0-9+.-]*:)/i.test(text), {
    error: 'expected a plain path such as /var/lib/joinbot: ~ and file: mean nothing here',
    abort: true,
  }),
  z.regex(
    /^(?!.*\$\{)[^\p{Cc}"\\]{1,1024}$/u,
    'expected a path without quotes, backslashes, ${ or control characters',
  ),
);

export const absolutePath = directoryPath.check(
  z.regex(/^\//, 'expected an absolute path, such as /run/nginx.pid'),
);

export const directory = z.strictObject({
  type: z.literal('directory'),
  path: directoryPath,
  symlinks: z.optional(z.enum(['secure', 'insecure', 'try-secure'])),
  acls: z.optional(z.enum(['off', 'try', 'required'])),
});

export const memory = z.strictObject({ type: z.literal('memory') });

/** Names as passwd and group have them: they become part of an access control list. */
const systemName = z
  .string()
  .check(z.regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/, 'expected the name of a user or group'));

const reader = z.union(
  [z.strictObject({ user: systemName }), z.strictObject({ group: systemName })],
  { error: 'expected {user: name} or {group: name}' },
);

export const readerList = z.optional(z.array(reader).check(z.maxLength(32)));

/** A directory that others may read. */
const readable = z.extend(directory, {
  readers: readerList,
  mode: z.optional(
    z
      .string('expected a mode in quotes, such as "0640"')
      .check(
        z.regex(/^0?6[04][04]$/, 'expected a mode that lets others read at most, such as "0640"'),
      ),
  ),
});

/** RFC 1123 section 2.1, as Kubernetes narrows it. */
const objectName = z
  .string()
  .check(
    z.regex(
      /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/,
      'expected a name of Kubernetes: lower case letters, digits, dashes and dots',
    ),
  );

const labelText = z
  .string()
  .check(
    z.regex(
      /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/,
      'expected the value of a label: at most 63 letters, digits, dashes, dots and underscores',
    ),
  );

const kubernetesSecret = z.strictObject({
  type: z.literal('kubernetes_secret'),
  name: objectName,
  namespace: z.optional(objectName),
  secret_type: z.optional(z.enum(['Opaque', 'kubernetes.io/tls'])),
  labels: z.optional(z.record(z.string().check(z.maxLength(317)), labelText)),
});

export const DESTINATION_TYPES = ['directory', 'memory', 'kubernetes_secret'] as const;

const destination = z.discriminatedUnion('type', [memory, readable, kubernetesSecret], {
  error: 'expected directory, memory or kubernetes_secret',
});

const word = z
  .string()
  .check(z.regex(/^[^\p{Cc}]{1,1024}$/u, 'expected text without control characters'));

const reload = z.union(
  [
    z.strictObject({ command: z.array(word).check(z.minLength(1), z.maxLength(32)) }),
    z.strictObject({
      signal: z.enum(['HUP', 'USR1', 'USR2']),
      pid_file: absolutePath,
      program: z.string().check(z.regex(/^[A-Za-z0-9_.+-]{1,64}$/)),
    }),
    z.strictObject({
      systemd_unit: z
        .string()
        .check(z.regex(/^[A-Za-z0-9][A-Za-z0-9:_.@-]{0,250}$/, 'expected a unit of systemd')),
    }),
  ],
  {
    error:
      'expected {command: [program, argument, …]}, {systemd_unit: nginx.service}, or {signal: HUP, pid_file: /run/nginx.pid, program: nginx}',
  },
);
export type ReloadConfig = z.infer<typeof reload>;

/** What tbot chooses a SPIFFE ID with. */
export const noSelector = z.optional(
  z.undefined(
    "expected none: the SPIFFE ID is the bot's or host's own (spiffe://<cluster>/bot/<bot>/<instance>)",
  ),
);

const outputName = z
  .string()
  .check(
    z.regex(
      /^[A-Za-z0-9._+-]{1,64}$/,
      'expected a name of at most 64 letters, digits, dots, dashes, underscores and plus signs',
    ),
  );

export const COMMON_FIELDS = {
  /** What `/readyz` calls it. */
  name: z.optional(outputName),
  destination,
  roles: z.optional(z.array(name).check(z.maxLength(32))),
  credential_ttl: z.optional(durationText),
  renewal_interval: z.optional(durationText),
  reload: z.optional(reload),
};
