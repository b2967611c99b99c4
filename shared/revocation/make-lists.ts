/** The revocation lists of one moment, made from what the table says: a pure function but for its signatures. */
import { createHash, sign } from 'node:crypto';
import type { Authorities, ListedIssuer } from '../authority/authorities.ts';
import { makeCrl } from '../authority/crl.ts';
import { signDetached } from '../authority/detached-signature.ts';
import { listName } from '../authority/x509.ts';
import { encodeBase64 } from '../encoding/base64.ts';
import { encodeKrl, type KrlAuthority } from '../encoding/krl.ts';
import { encodePem } from '../encoding/pem.ts';
import { type SshPublicKey, sshBlob } from '../encoding/ssh-public-key.ts';
import type { RevocationLists } from '../protocol/revocation.ts';
import { signedPayload } from '../protocol/trust.ts';
import { formatTimestamp } from '../protocol/values.ts';
import type { RevokedInstance, RevokedRows } from '../storage/revoked.ts';
import { genuineRootList } from './root-list.ts';

export interface Lists {
  /** The CRL number of all but the roots' lists, and the version of the KRL. */
  readonly version: number;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** DER by the authority's name (`listName`). */
  readonly crls: ReadonlyMap<string, Uint8Array>;
  /** All of them; `undefined` while a root has none. */
  readonly pem: string | undefined;
  readonly krl: Uint8Array;
  /** When the oldest of the roots' lists was signed; `undefined` while one is missing. */
  readonly rootUpdate: Date | undefined;
  /** Serial numbers on the lists. */
  readonly certificates: number;
  /** What the table has that no list can have, and none has: serial numbers, and whole rows. */
  readonly malformed: number;
  /** The signed form for agents, as JSON. */
  readonly json: string;
  /** Weak: lists that have it differ in their signatures only. */
  readonly etag: string;
}

/** How often lists are made anew although nothing has changed. */
const LIST_SECONDS = 3600;
/**
 * As long as the longest certificate lives: nobody is shut out by an old list before his own certificate is over, and no list
 * that is held back hides more than that.
 */
const VALID_SECONDS = 24 * 3600;
/** An entry is on one list more after its certificate's end (RFC 5280 section 3.3). */
const LISTED_AFTER_SECONDS = LIST_SECONDS;
const BACKDATED_SECONDS = 60;

/** The number of the lists at this time: the same on every function instance, and greater after each change. */
export const listVersion = (
  version: number,
  { revoked, revokedSsh }: Pick<Authorities, 'revoked' | 'revokedSsh'>,
  at: Date,
): number =>
  Math.max(
    version,
    Math.floor(at.getTime() / 1000 / LIST_SECONDS) * LIST_SECONDS,
    ...[...revoked, ...revokedSsh].map((one) => one.at.getTime() / 1000),
  );

export async function makeLists(
  rows: RevokedRows,
  version: number,
  authorities: Authorities,
  cluster: string,
  at: Date,
): Promise<Lists> {
  // Many changes in one second make a version that is ahead of the clock. No list is from the future.
  const thisUpdate = new Date(Math.min((version - BACKDATED_SECONDS) * 1000, at.getTime()));
  const nextUpdate = new Date((version + VALID_SECONDS) * 1000);
  const { sound, malformed } = soundOf(rows);
  const revoked = sound
    .map((instance) => listed(instance, version))
    .filter(({ serials }) => serials.length > 0);
  const numbered = { number: version, thisUpdate, nextUpdate };
  const crls = new Map<string, Uint8Array>();
  for (const issuer of authorities.issuers) {
    const entries = revoked.flatMap((instance) => entriesOf(instance, issuer));
    const der = await makeCrl({ ...numbered, issuer, revoked: entries }, 'ecdsaWithSHA256', (tbs) =>
      sign('sha256', tbs, issuer.privateKey),
    );
    crls.set(listName(issuer.publicKeyInfo), der);
  }
  const rootUpdates: Date[] = [];
  for (const root of authorities.roots) {
    const name = listName(root.publicKeyInfo);
    const der = rows.rootLists.get(name);
    const list = genuineRootList(der, root, at);
    if (!der || !list) continue;
    crls.set(name, der);
    rootUpdates.push(list.thisUpdate);
  }
  const complete = rootUpdates.length === authorities.roots.length;
  const pem = complete
    ? [...crls.values()].map((der) => encodePem('X509 CRL', der)).join('')
    : undefined;
  const krl = encodeKrl({
    version,
    generated: thisUpdate,
    comment: cluster,
    authorities: [
      ...authorities.sshUserCas.map((key) => revokedBy(key, revoked.filter(isBots))),
      ...authorities.sshHostCas.map((key) =>
        revokedBy(
          key,
          revoked.filter((one) => !isBots(one)),
        ),
      ),
    ],
    keys: authorities.revokedSsh.map(({ key }) => sshBlob(key)),
  });
  const body: Omit<RevocationLists, 'signature'> = {
    cluster,
    version,
    this_update: formatTimestamp(thisUpdate),
    next_update: formatTimestamp(nextUpdate),
    tls: { crls: pem ?? '' },
    ssh: { krl: encodeBase64(krl) },
  };
  const signature = signDetached(signedPayload(body), authorities.issuing);
  return {
    version,
    thisUpdate,
    nextUpdate,
    crls,
    pem,
    krl,
    rootUpdate: complete ? new Date(Math.min(...rootUpdates.map(Number))) : undefined,
    certificates: revoked.reduce((sum, { serials }) => sum + serials.length, 0),
    malformed,
    json: JSON.stringify({ ...body, signature }),
    etag: `W/"${createHash('sha256')
      .update(JSON.stringify([version, [...crls.keys()], complete, rootsOf(rows)]))
      .update(krl)
      .digest('base64url')}"`,
  };
}

/** What was in OpenSSH's list as the number 0 would shut everybody out: it is the first half. */
const SERIAL = /^(?!0{16})[0-9a-f]{32}$/;
const LAST_SECOND = Date.UTC(9999, 11, 31) / 1000;

/** One row that somebody has damaged leaves all others on the lists, and so does one serial number the others of its row. */
function soundOf(rows: RevokedRows): { sound: RevokedInstance[]; malformed: number } {
  const sound: RevokedInstance[] = [];
  const seen = new Set<string>();
  let malformed = 0;
  for (const { revoked: instance } of rows.instances) {
    if (!isSound(instance)) {
      malformed += 1;
      continue;
    }
    // Readers refuse a list that has one twice.
    const serials = instance.serials.filter(
      ({ serial }) => SERIAL.test(serial) && !seen.has(serial) && seen.add(serial),
    );
    malformed += instance.serials.length - serials.length;
    sound.push({ ...instance, serials });
  }
  return { sound, malformed };
}

/** Whether the lists can name it: a key id with a NUL is none to OpenSSH, and a time has an end in X.509. */
const isSound = ({ owner, id, since }: RevokedInstance): boolean =>
  /^[!-~]+:[!-~]+$/.test(owner) &&
  /^[!-~]+$/.test(id) &&
  Number.isSafeInteger(since) &&
  since >= 0 &&
  since <= LAST_SECOND;

/** The roots' lists, which have numbers of their own. */
const rootsOf = ({ rootLists }: RevokedRows): string[] =>
  [...rootLists.values()].map((der) => createHash('sha256').update(der).digest('hex'));

const listed = (instance: RevokedInstance, version: number): RevokedInstance => ({
  ...instance,
  serials: instance.serials.filter(({ expires }) => expires + LISTED_AFTER_SECONDS > version),
});

/** What an issuing key may have signed: rows don't say which one did, and a serial number is one certificate's alone. */
function entriesOf({ serials, since }: RevokedInstance, { endsFrom, endsUntil }: ListedIssuer) {
  const revoked = new Date(since * 1000);
  return serials
    .filter(({ expires }) => endsFrom <= expires && expires <= endsUntil)
    .map(({ serial }) => ({ serialNumber: Buffer.from(serial, 'hex'), revoked }));
}

const isBots = ({ owner }: RevokedInstance): boolean => owner.startsWith('bot:');

/** By key id, too, where the instance can never come back: a locked one can, and gets new certificates. */
function revokedBy(key: SshPublicKey, revoked: readonly RevokedInstance[]): KrlAuthority {
  return {
    key: sshBlob(key),
    serials: revoked.flatMap(({ serials }) =>
      serials.map(({ serial }) => Buffer.from(serial, 'hex').readBigUInt64BE()),
    ),
    keyIds: revoked.filter(({ reason }) => reason === 'removed').map(keyIdOf),
  };
}

/** As SSH certificates name an instance (`shared/joining/issue.ts`). */
const keyIdOf = ({ owner, id }: RevokedInstance): string => `${owner.replace(':', '/')}/${id}`;
