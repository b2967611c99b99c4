/** What no test can notice, or none needs to, in `shared/encoding/`. */
import type { Explained } from './explanation.ts';

export const ENCODING: Explained = {
  'shared/encoding/der-decode.ts': [
    {
      line: 'second !== undefined &&',
      becomes: ['true'],
      why: 'no comparison with undefined holds: this one is for the type',
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
      line: 'if (!blob) return undefined;',
      becomes: ['false'],
      why: 'nothing can not be read either: what that throws is caught',
    },
    {
      line: 'if (reader.text() !== match?.[1]) return undefined;',
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
};
