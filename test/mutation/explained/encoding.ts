/** What no test can notice, or none needs to, in `shared/encoding/`. */
import type { Explained } from './explanation.ts';

export const ENCODING: Explained = {
  'shared/encoding/azure-name.ts': [
    {
      line: String.raw`const ASCII = /^[\0-\x7f]*$/;`,
      becomes: [String.raw`/^[\0-\x7f]$/`],
      why: 'letter by letter an ASCII name becomes the same: this only saves work',
    },
    {
      line: 'if (ASCII.test(name)) return name.toLowerCase();',
      becomes: ['false'],
      why: 'letter by letter an ASCII name becomes the same: this only saves work',
    },
  ],
  'shared/encoding/der-decode.ts': [
    {
      line: 'second !== undefined &&',
      becomes: ['true'],
      why: 'no comparison with undefined holds: this one is for the type',
    },
  ],
  'shared/encoding/ecdsa-twin.ts': [
    {
      line: '} catch (error) {',
      becomes: ['{}'],
      why: 'a function that ends gives undefined, too',
    },
    {
      line: 'if (error instanceof DerError) return undefined;',
      becomes: ['true'],
      why: 'reading numbers throws nothing else',
    },
  ],
  'shared/encoding/krl.ts': [
    {
      line: 'const bits = key?.asymmetricKeyDetails?.modulusLength ?? LEAST_RSA_BITS;',
      becomes: ['key?.asymmetricKeyDetails.modulusLength'],
      why: 'every public key has details: the question mark is for the type',
    },
  ],
  'shared/encoding/pem.ts': [
    {
      line: 'const lines = encodeBase64(der).match(/.{1,64}/g) ?? [];',
      becomes: ['["Stryker was here"]'],
      why: 'nobody encodes no bytes',
    },
  ],
  'shared/encoding/ssh-public-key.ts': [
    {
      line: 'return blob && parseSshBlob(blob, match?.[1]);',
      becomes: ['match[1]'],
      why: 'there is a match, or there were no bytes: the question mark is for the type',
    },
    {
      line: '} catch {',
      becomes: ['{}'],
      why: 'a function that ends gives undefined, too',
    },
    {
      line: 'if (!(type in CURVES)) return undefined;',
      becomes: ['false'],
      why: 'a type without a curve can not be taken apart: what that throws is caught',
    },
    {
      line: 'if (point[0] !== 4 || point.length !== 1 + 2 * size)',
      becomes: ['false'],
      why: 'coordinates of another length are none in a JSON Web Key either',
    },
  ],
  'shared/encoding/ssh-wire.ts': [
    {
      line: "const bytes = typeof content === 'string' ? Buffer.from(content) : content;",
      becomes: ['true'],
      why: 'of bytes the same are made: the comparison is for the type, and saves work',
    },
  ],
};
