/** What the config file says of key stores of PKCS#12. */
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod/mini';
import { withPlainErrors } from '../durable-file.ts';
import { Failure } from '../failure.ts';
import { absolutePath } from './common-fields.ts';

export const pkcs12Fields = {
  pkcs12: z.optional(
    z.strictObject({
      /** Holds the password; absent: `changeit`, as the JVM has it. */
      password_file: z.optional(absolutePath),
      alias: z.optional(
        z.string().check(z.regex(/^[\x21-\x7e]{1,64}$/, 'expected an alias in plain letters')),
      ),
    }),
  ),
};
export interface Pkcs12Options {
  readonly password_file?: string | undefined;
  readonly alias?: string | undefined;
}

/** What the JVM's own tools take where nobody says another one. It protects nothing: the files' mode does. */
const DEFAULT_PASSWORD = 'changeit';
const LONGEST_PASSWORD = 1024;

/** Throws a `Failure` where the file of it can't be read, or holds none. */
export async function passwordOf({ password_file: path }: Pkcs12Options): Promise<string> {
  if (path === undefined) return DEFAULT_PASSWORD;
  return withPlainErrors(dirname(path), async () => {
    const password = (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
    if (/^[\x20-\x7e]{6,}$/.test(password) && password.length <= LONGEST_PASSWORD) return password;
    const message = `${path}: expected a password of one line, with 6 to ${LONGEST_PASSWORD} letters, digits and signs of ASCII`;
    throw new Failure('files', message);
  });
}
