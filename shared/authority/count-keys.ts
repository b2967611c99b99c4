/**
 * Which rows count of those that the data key sealed. Whoever has that key, and may write the table but not sign with the root,
 * can seal what he likes: so a root is whatever custody has the key of, an issuing key is what such a root signed, and a row is
 * ended by a newer one of its kind that counts itself. SSH authorities are as good as the data key.
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { decodeBase64, encodeBase64 } from '../encoding/base64.ts';
import { parseCertificate, sameBytes } from '../encoding/certificate.ts';
import { sshPublicKey } from '../encoding/ssh-public-key.ts';
import { keepLatest } from '../remembered.ts';
import type { Custody } from './custody.ts';
import { answersLeak, type EndedKey, type KeyPurpose, type OpenedKey } from './signing-key.ts';
import { publicKeyOfPrivate } from './x509.ts';

export interface CountedKeys {
  readonly alive: readonly OpenedKey[];
  /** Keys that a successor put an end to: as good as absent, whoever brings their rows back. */
  readonly ended: readonly OpenedKey[];
  /** Issuing keys whose root is not there: they sign nothing that anybody would believe. */
  readonly orphans: readonly OpenedKey[];
  /** Rows that we did not write, although the data key sealed them. */
  readonly foreign: readonly OpenedKey[];
}

/** Throws where custody can't be asked. */
export async function countKeys(
  opened: readonly OpenedKey[],
  custody: Custody,
): Promise<CountedKeys> {
  const whole = opened.filter((key) => isWhole(key) && isCrossed(key, opened));
  const of = (purpose: KeyPurpose): OpenedKey[] => whole.filter((key) => key.purpose === purpose);
  const roots = await count(of('root'), (root) => isOfCustody(root, custody));
  const issuing = await count(of('issuing'), (key) => rootOf(key, roots.alive) !== undefined);
  const others = await count(
    whole.filter(({ purpose }) => purpose !== 'root' && purpose !== 'issuing'),
    () => true,
  );
  const alive = new Set([...roots.alive, ...issuing.alive, ...others.alive]);
  const ended = new Set([...roots.ended, ...issuing.ended, ...others.ended]);
  const orphans = new Set(issuing.rest);
  return {
    alive: opened.filter((key) => alive.has(key)),
    ended: opened.filter((key) => ended.has(key)),
    orphans: opened.filter((key) => orphans.has(key)),
    foreign: opened.filter((key) => !alive.has(key) && !ended.has(key) && !orphans.has(key)),
  };
}

/** Newest first: nothing is asked about a row that a newer one has ended, and what doesn't count ends nothing. */
async function count(
  keys: readonly OpenedKey[],
  isOurs: (key: OpenedKey) => boolean | Promise<boolean>,
): Promise<Record<'alive' | 'ended' | 'rest', readonly OpenedKey[]>> {
  const found = { alive: [] as OpenedKey[], ended: [] as OpenedKey[], rest: [] as OpenedKey[] };
  for (const key of keys.toSorted((a, b) => b.sequence - a.sequence)) {
    if (found.alive.some((newer) => ends(newer, key))) found.ended.push(key);
    else if (await isOurs(key)) found.alive.push(key);
    else found.rest.push(key);
  }
  return found;
}

/**
 * Whether a key ends an older one: of its kind and no other those that it names, and where it answers a leak all of
 * them. Somebody may have taken a row away before, so that nobody saw it, and bring it back afterwards.
 */
export const ends = (newer: OpenedKey, key: OpenedKey): boolean =>
  newer.owner === key.owner &&
  newer.purpose === key.purpose &&
  newer.sequence > key.sequence &&
  (answersLeak(newer) || newer.ended?.some(({ sequence }) => sequence === key.sequence) === true);

/** The root that signed an issuing key's certificate. */
export const rootOf = (issuing: OpenedKey, keys: readonly OpenedKey[]): OpenedKey | undefined =>
  keys.find(
    ({ purpose, publicKey }) => purpose === 'root' && isSignedBy(issuing.certificate, publicKey),
  );

async function isOfCustody(root: OpenedKey, custody: Custody): Promise<boolean> {
  if (!isSignedBy(root.certificate, root.publicKey)) return false;
  const publicKey = await custody.publicKeyOfRoot(root.secret);
  return publicKey !== undefined && sameBytes(publicKey, root.publicKey);
}

const isSignedBy = rememberedBy(verifySignature, (...about) => about.map(encodeBase64).join());

function verifySignature(certificate: Uint8Array, publicKey: Uint8Array): boolean {
  return holds(() => {
    const { toBeSigned, signature } = parseCertificate(certificate);
    return verify('sha384', toBeSigned, keyObjectOf(publicKey), signature);
  });
}

/** Whether it holds; `false` also where something in it can't be read. */
function holds(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}

const keyObjectOf = (publicKeyInfo: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.from(publicKeyInfo), format: 'der', type: 'spki' });

/**
 * Everything in a row can be read, and fits together: nothing of it makes anybody stumble later. What is sealed authenticates the
 * row, so it says the same whenever it is the same.
 */
const isWhole = rememberedBy(fitsTogether, ({ sealed }) => encodeBase64(sealed));

function fitsTogether({
  purpose,
  publicKey,
  secret,
  certificate,
  cross,
  ended = [],
}: OpenedKey): boolean {
  if (!ended.every(isReadable)) return false;
  switch (purpose) {
    case 'root':
      return (
        isCertificateOf(certificate, publicKey) &&
        (!cross || isCertificateOf(cross.certificate, publicKey))
      );
    case 'issuing':
      return isCertificateOf(certificate, publicKey) && isKeyOf(secret, publicKey);
    case 'sign':
      return isSshKey(publicKey) && isKeyOf(secret, publicKey);
    default:
      // A data key is not sealed under another one.
      return purpose === 'authenticate' && secret.length > 0;
  }
}

/** The predecessor signed what the row says that it did. Where its row is not there, nobody can say. */
function isCrossed({ cross }: OpenedKey, opened: readonly OpenedKey[]): boolean {
  const older =
    cross && opened.find(({ purpose, sequence }) => purpose === 'root' && sequence === cross.by);
  return !older || isSignedBy(cross.certificate, older.publicKey);
}

const isReadable = ({ certificate, publicKey }: EndedKey): boolean =>
  (!certificate || /^(?:[0-9a-f]{2}){1,20}$/.test(certificate.serial)) &&
  (publicKey === undefined || isSshKey(decodeBase64(publicKey)));

const isCertificateOf = (certificate: Uint8Array, publicKey: Uint8Array): boolean =>
  holds(() => sameBytes(parseCertificate(certificate).publicKeyInfo, publicKey));

function isKeyOf(secret: Uint8Array, publicKey: Uint8Array): boolean {
  const own = publicKeyOfPrivate(secret);
  return own !== undefined && sameBytes(own, publicKey);
}

const isSshKey = (publicKey: Uint8Array = new Uint8Array()): boolean =>
  holds(() => sshPublicKey(keyObjectOf(publicKey)) !== undefined);

const MOST_REMEMBERED = 64;

/** The same answer for the same question, of which the latest are kept: keys are read again every few minutes. */
function rememberedBy<A extends unknown[]>(
  ask: (...about: A) => boolean,
  nameOf: (...about: A) => string,
): (...about: A) => boolean {
  const known = new Map<string, boolean>();
  return (...about) => {
    const name = nameOf(...about);
    const before = known.get(name);
    if (before !== undefined) return before;
    const answer = ask(...about);
    keepLatest(known, name, answer, MOST_REMEMBERED);
    return answer;
  };
}
