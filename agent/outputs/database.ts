/** `database`: a client certificate for a database server. There is no proxy here: it is shown to the server itself. */
import * as z from 'zod/mini';
import { COMMON_FIELDS } from './common-fields.ts';
import { checkFormats, filesOf, namesOf } from './formats.ts';
import { outputType } from './output.ts';
import { pkcs12Fields } from './pkcs12-fields.ts';
import { crlFor, revocationField } from './revocation-field.ts';
import { TOOL_FILES, toolFiles } from './tool-files.ts';

const text = z.optional(z.string().check(z.maxLength(253)));

/** tbot's name for PEM files called `tls`. */
const TLS = 'tls';

export const database = outputType({
  schema: z.strictObject({
    type: z.literal('database'),
    ...COMMON_FIELDS,
    format: z.optional(z.enum([TLS, 'mongo', 'cockroach', 'postgresql', 'mysql', 'pkcs12'])),
    service: text,
    database: text,
    username: text,
    ...pkcs12Fields,
    ...revocationField,
  }),
  joinOf: 'bot',
  content: (config, { isHost }) => {
    const { format = TLS, username } = config;
    const chosen = format === TLS ? 'pem' : format;
    const options = { isHost, pkcs12: config.pkcs12 ?? {} };
    const idle = (['service', 'database'] as const).filter((field) => config[field] !== undefined);
    return {
      names: [...TOOL_FILES, ...namesOf([chosen], options)],
      ...crlFor(config),
      check: () => checkFormats([chosen], options),
      files: async (material) =>
        new Map([...toolFiles(material), ...(await filesOf([chosen], material, options))]),
      notes: [
        ...(idle.length > 0
          ? [`${idle.join(', ')} of a database output: name them where the client connects`]
          : []),
        ...(username === undefined
          ? []
          : [
              `username of a database output: the certificate's common name is the bot's name; where the user is called otherwise, the server maps it (pg_ident.conf)`,
            ]),
      ],
    };
  },
});
