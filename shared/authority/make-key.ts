/** Makes one key that is due, sealed for storage. */
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { encodeBase64 } from '../encoding/base64.ts';
import { parseCertificate } from '../encoding/certificate.ts';
import { rootOf } from './count-keys.ts';
import type { Custody, RootKey } from './custody.ts';
import { describeDataKey, type GenuineKeys, hashOf } from './genuine-keys.ts';
import { deriveLogKey, type FormerLogKey, openLogKeys, sealLogKeys } from './log-key.ts';
import { type DueCreation, type KeyCreation, usedKey, withEarlierEnds } from './rotation.ts';
import type { RotationPolicy } from './rotation-policy.ts';
import { sealKey } from './sealing.ts';
import type {
  CrossCertificate,
  EndedKey,
  KeyDescription,
  OpenedKey,
  SealedKey,
} from './signing-key.ts';
import type { SshAuthorityKey } from './ssh-certificate.ts';
import {
  BACKDATED_SECONDS,
  type IssuerNames,
  issueCrossCertificate,
  issueIssuingCertificate,
  issueRootCertificate,
  ROOT_PATH_LENGTH,
} from './tls-certificate.ts';
import { publicKeyInfo } from './x509.ts';

export interface KeyMaker {
  readonly custody: Custody;
  /** The cluster's name: part of the authorities' names. */
  readonly cluster: string;
  readonly policy: RotationPolicy;
  /** The kind of the next SSH authority's key: Ed25519, unless said otherwise. */
  readonly sshKey?: SshAuthorityKey;
  /** Where everybody finds lists of what is revoked, for certificates to say. */
  readonly crlAddress?: string | undefined;
}

const NONE = new Uint8Array();
/** A function instance that is told of a new data key seals the join log with the old one for so long at most. */
const LOG_KEY_SECONDS = 3600;

/** The data key comes first: nothing else can be sealed without it. */
export async function makeDataKey(
  creation: DueCreation,
  before: GenuineKeys | undefined,
  { custody, cluster, policy }: KeyMaker,
): Promise<SealedKey> {
  const dataKey = randomBytes(32);
  const { takesOver, created } = creation;
  const sealsUntil =
    created + (takesOver?.leaked ? LOG_KEY_SECONDS : policy.reloadLag) + policy.skew;
  const former = before && formerLogKeys(before, sealsUntil);
  const row = {
    ...described(creation),
    publicKey: NONE,
    certificate: NONE,
    ...(takesOver &&
      before && {
        takenOver: {
          from: takesOver.from,
          row: hashOf(before.dataRow),
          until: takesOver.until,
          logKeys: sealLogKeys(dataKey, former ?? []),
        },
      }),
  };
  return { ...row, sealed: await custody.wrapDataKey(dataKey, describeDataKey(row, cluster)) };
}

const formerLogKeys = ({ dataKey, dataRow }: GenuineKeys, until: number): FormerLogKey[] => [
  { ...deriveLogKey(dataKey), until: new Date(until * 1000) },
  ...(dataRow.takenOver ? openLogKeys(dataKey, dataRow.takenOver.logKeys) : []),
];

export async function makeKey(
  creation: DueCreation,
  { dataKey, dataRow, keys }: GenuineKeys,
  maker: KeyMaker,
): Promise<SealedKey> {
  const ended = endedBy(creation, keys);
  const seal = (
    parts: Pick<KeyDescription, 'publicKey' | 'certificate' | 'cross'>,
    secret: Uint8Array,
  ): SealedKey =>
    sealKey(
      dataKey,
      { ...described(creation), ...parts, ...(ended.length > 0 && { ended }) },
      secret,
    );
  switch (creation.purpose) {
    case 'encrypt':
      throw new Error('a data key is not sealed under another one');
    case 'authenticate':
      return seal({ publicKey: NONE, certificate: NONE }, randomBytes(32));
    case 'sign': {
      const { publicKey, privateKey } =
        maker.sshKey === 'ecdsa-p256'
          ? generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
          : generateKeyPairSync('ed25519');
      return seal({ publicKey: publicKeyInfo(publicKey), certificate: NONE }, pkcs8(privateKey));
    }
    case 'root': {
      const { publicKey, handle } = await rootKeyFor(creation, dataRow, maker);
      const certificate = await issueRootCertificate(
        `${maker.cluster} root ${creation.sequence}`,
        maker.cluster,
        publicKey,
        validityOf(creation),
        (message) => maker.custody.signWithRoot(handle, message),
      );
      const cross = await crossOf(creation, { publicKey, certificate }, keys, maker);
      return seal(
        { publicKey: publicKeyInfo(publicKey), certificate, ...(cross && { cross }) },
        handle,
      );
    }
    case 'issuing': {
      const root = usedKey(keys, 'tls', 'root', creation.created);
      if (!root) throw new Error('an issuing key needs a root');
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
      const certificate = await issueIssuingCertificate(
        `${maker.cluster} issuing ${creation.sequence}`,
        publicKey,
        { ...validityOf(creation), crlAddress: maker.crlAddress },
        namesOf(root),
        (message) => maker.custody.signWithRoot(root.secret, message),
      );
      return seal({ publicKey: publicKeyInfo(publicKey), certificate }, pkcs8(privateKey));
    }
  }
}

const namesOf = ({ certificate, publicKey }: KeyDescription): IssuerNames => ({
  subject: parseCertificate(certificate).subject,
  publicKeyInfo: publicKey,
});

/** What the predecessor certifies of a root; nothing where it certifies no authorities below its issuing ones. */
async function crossOf(
  { crossedBy, created }: DueCreation,
  root: { readonly publicKey: KeyObject; readonly certificate: Uint8Array },
  keys: readonly OpenedKey[],
  { custody, cluster, crlAddress }: KeyMaker,
): Promise<CrossCertificate | undefined> {
  const by = keys.find(({ purpose, sequence }) => purpose === 'root' && sequence === crossedBy);
  const room = by && parseCertificate(by.certificate).extensions.basicConstraints?.pathLength;
  if (!by || room === undefined || room < ROOT_PATH_LENGTH) return undefined;
  const { subject, notAfter } = parseCertificate(root.certificate);
  const certificate = await issueCrossCertificate(
    {
      subject,
      publicKeyInfo: publicKeyInfo(root.publicKey),
      notBefore: new Date((created - BACKDATED_SECONDS) * 1000),
      notAfter: new Date(Math.min(by.expires * 1000, notAfter.getTime())),
      crlAddress,
    },
    cluster,
    namesOf(by),
    (message) => custody.signWithRoot(by.secret, message),
  );
  return { by: by.sequence, certificate };
}

/** What a new key puts an end to, and what those before it did. */
function endedBy(creation: DueCreation, keys: readonly OpenedKey[]): EndedKey[] {
  const { owner, purpose, ends = [], created } = creation;
  const now = ends.map((sequence): EndedKey => {
    const key = keys.find((one) => one.owner === owner && one.sequence === sequence);
    const root = purpose === 'issuing' && key && rootOf(key, keys);
    return {
      sequence,
      at: created,
      ...(root && { certificate: { serial: serialOf(key), root: root.sequence } }),
      ...(purpose === 'sign' && key && { publicKey: encodeBase64(key.publicKey) }),
    };
  });
  return withEarlierEnds(creation, keys, now);
}

const serialOf = ({ certificate }: KeyDescription): string =>
  Buffer.from(parseCertificate(certificate).serialNumber).toString('hex');

/** How much custody's clock may be behind ours. */
const SKEW_SECONDS = 60;

/**
 * A new key, or the one that an init made which then stopped: nothing of it was ever published. A higher number means that there
 * was another root, and a key that is older than the data key is of an authority that was given up.
 */
async function rootKeyFor(
  { sequence }: KeyCreation,
  dataRow: KeyDescription,
  { custody, cluster }: KeyMaker,
): Promise<RootKey> {
  const remembered = sequence === 1 ? await custody.rememberedRoot() : undefined;
  const made = remembered?.cluster === cluster ? remembered.made : undefined;
  const isOfThisInit = made && made.at.getTime() >= (dataRow.created - SKEW_SECONDS) * 1000;
  return isOfThisInit ? made.key : custody.createRootKey(cluster);
}

const described = ({ owner, purpose, sequence, created, starts, expires }: KeyCreation) => ({
  owner,
  sequence,
  purpose,
  created,
  starts,
  expires,
});

const validityOf = ({ created, expires }: KeyCreation) => ({
  notBefore: new Date((created - BACKDATED_SECONDS) * 1000),
  notAfter: new Date(expires * 1000),
});

const pkcs8 = (key: KeyObject): Uint8Array => key.export({ format: 'der', type: 'pkcs8' });
