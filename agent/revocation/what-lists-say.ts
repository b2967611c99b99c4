/** What revocation lists say, whenever they were made: who is told of new ones only wants to hear of these. */
import { createHash } from 'node:crypto';
import { encodeBase64 } from '../../shared/encoding/base64.ts';
import type { Crl } from '../../shared/encoding/crl.ts';
import type { Krl } from '../../shared/encoding/krl.ts';

export const saysOfKrl = ({ authorities, keys }: Krl): string =>
  digestOf([
    ...authorities.flatMap(({ key, serials, keyIds }) => {
      const of = encodeBase64(key);
      return [...serials.map((one) => `${of} ${one}`), ...keyIds.map((id) => `${of} id ${id}`)];
    }),
    ...keys.map((key) => `key ${encodeBase64(key)}`),
  ]);

/** Also which authorities have a list: who checks a certificate without its authority's list refuses it. */
export const saysOfCrls = (crls: readonly Crl[]): string =>
  digestOf(
    crls.flatMap(({ authorityKeyIdentifier, revoked }) => {
      const of = encodeBase64(authorityKeyIdentifier);
      return [of, ...Array.from(revoked.keys(), (serial) => `${of} ${serial}`)];
    }),
  );

const digestOf = (lines: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(lines.toSorted())).digest('hex');
