/** The files of the revocation lists, beside certificates. */
import { encodeKrl } from '../../shared/encoding/krl.ts';
import type { FileSet } from '../file-set.ts';
import type { AcceptedLists } from './accept-lists.ts';

/** For `sshd`, and for `ssh`. */
export const KRL_FILE = 'revoked.krl';
/** PEM, of every authority: for whatever is built on OpenSSL, and for Java. */
export const CRL_FILE = 'tls.crl';

export type ListFile = typeof KRL_FILE | typeof CRL_FILE;

/**
 * A genuine list that refuses nobody. It stands in for the broker's until that is known, since `sshd` refuses everybody where the
 * file is missing.
 */
const EMPTY_KRL = encodeKrl({
  version: 0,
  generated: new Date(0),
  comment: 'nothing is known yet',
  authorities: [],
  keys: [],
});

/** Those of `names` that the lists have a content for. */
export const listFiles = (names: readonly ListFile[], lists: AcceptedLists | undefined): FileSet =>
  new Map(
    names.flatMap((name) => {
      const content = lists && contentOf(name, lists)?.content;
      return content === undefined ? [] : [[name, content] as const];
    }),
  );

/** What stays as it is where `listFiles` has nothing newer, and what it is at first. */
export const keptLists = (
  names: readonly ListFile[],
): ReadonlyMap<string, Uint8Array | undefined> =>
  new Map(names.map((name) => [name, name === KRL_FILE ? EMPTY_KRL : undefined]));

/** The same for files that say the same. */
export const saysOf = (name: ListFile, lists: AcceptedLists | undefined): string | undefined =>
  lists && contentOf(name, lists)?.says;

const contentOf = (name: ListFile, { krl, crls }: AcceptedLists) =>
  name === KRL_FILE ? krl : crls;
