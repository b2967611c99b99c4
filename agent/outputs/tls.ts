/** `tls`: certificate, key and authorities, in the forms and under the names that programs want. */
import * as z from 'zod/mini';
import { COMMON_FIELDS } from './common-fields.ts';
import { checkFormats, FORMAT_NAMES, filesOf, namesOf } from './formats.ts';
import { outputType } from './output.ts';
import { pkcs12Fields } from './pkcs12-fields.ts';
import { crlFor, revocationField } from './revocation-field.ts';

export const tls = outputType({
  schema: z.strictObject({
    type: z.literal('tls'),
    ...COMMON_FIELDS,
    formats: z.optional(
      z.array(z.enum(FORMAT_NAMES)).check(z.minLength(1), z.maxLength(FORMAT_NAMES.length)),
    ),
    ...pkcs12Fields,
    ...revocationField,
  }),
  content: ({ formats, pkcs12 = {}, revocation }, { isHost, isKubernetesSecret }) => {
    const chosen = formats ?? [isKubernetesSecret ? 'kubernetes' : 'pem'];
    const options = { isHost, pkcs12 };
    return {
      names: namesOf(chosen, options),
      ...crlFor({ revocation }),
      check: () => checkFormats(chosen, options),
      files: (material) => filesOf(chosen, material, options),
    };
  },
});
