/** `application`: a client certificate for a web service. There is no proxy here: it is shown to the service itself. */
import * as z from 'zod/mini';
import { COMMON_FIELDS } from './common-fields.ts';
import { filesOf, namesOf } from './formats.ts';
import { outputType } from './output.ts';
import { crlFor, revocationField } from './revocation-field.ts';
import { TOOL_FILES, toolFiles } from './tool-files.ts';

export const application = outputType({
  schema: z.strictObject({
    type: z.literal('application'),
    ...COMMON_FIELDS,
    app_name: z.optional(z.string().check(z.maxLength(253))),
    /** Also as `tls.crt`, `tls.key` and `tls.cas`. */
    specific_tls_naming: z.optional(z.boolean()),
    ...revocationField,
  }),
  joinOf: 'bot',
  content: ({ specific_tls_naming: named = false, app_name: app, revocation }, { isHost }) => {
    const options = { isHost, pkcs12: {} };
    return {
      ...crlFor({ revocation }),
      names: [...TOOL_FILES, ...(named ? namesOf(['pem'], options) : [])],
      files: async (material) =>
        new Map([
          ...toolFiles(material),
          ...(named ? await filesOf(['pem'], material, options) : []),
        ]),
      notes:
        app === undefined
          ? []
          : [
              'app_name makes no difference here: the certificate says who the bot is, and the service decides',
            ],
    };
  },
});
