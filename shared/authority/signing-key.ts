/** The broker's keys: what each is for, and the row that keeps it. */

/** Whose key it is: a certificate authority, the prober's mark, or the key that the others are encrypted with. */
export const KEY_OWNERS = ['tls', 'ssh-user', 'ssh-host', 'probe', 'data'] as const;
export type KeyOwner = (typeof KEY_OWNERS)[number];

/** `tls` has a root and issuing keys; the others have one purpose each. */
export type KeyPurpose = 'root' | 'issuing' | 'sign' | 'authenticate' | 'encrypt';

/** A key that its successor put an end to. */
export interface EndedKey {
  readonly sequence: number;
  /** Unix seconds. */
  readonly at: number;
  /** Of an issuing certificate: its serial number in hex, and the number of the root that it is under. */
  readonly certificate?: { readonly serial: string; readonly root: number };
  /** Of an SSH authority: base64 of its SubjectPublicKeyInfo, for the list of what is revoked. */
  readonly publicKey?: string;
}

/** A root as its predecessor certified it, for relying parties that know only that one. */
export interface CrossCertificate {
  /** The predecessor's number. */
  readonly by: number;
  /** DER. */
  readonly certificate: Uint8Array;
}

/** What a data key took over from the one before it. */
export interface TakenOver {
  /** The other's number, and the hash of its row: a number alone may have been given by another authority. */
  readonly from: number;
  readonly row: string;
  /** Unix seconds until which rows may still be encrypted under the other: rotation encrypts them anew before. */
  readonly until: number;
  /** Keys of the join log that were made from those before it, encrypted under this one. */
  readonly logKeys: Uint8Array;
}

/** The public description of a key. All of it is authenticated together with the private part. */
export interface KeyDescription {
  readonly owner: KeyOwner;
  /** Counts up within the owner, and never comes back: the row's key, and the guard against two timers making the same key. */
  readonly sequence: number;
  readonly purpose: KeyPurpose;
  /** DER of the SubjectPublicKeyInfo; empty for secret keys. */
  readonly publicKey: Uint8Array;
  /** DER of the key's own certificate, for `tls`; empty otherwise. */
  readonly certificate: Uint8Array;
  /** Unix seconds. */
  readonly created: number;
  /** From when on it may be used. Until then it is only published. */
  readonly starts: number;
  /** From when on it counts for nothing. The data key alone has no end. */
  readonly expires: number;
  /** Keys of the same owner that count for nothing any more, whatever their rows say: they leaked, or retired. Never empty. */
  readonly ended?: readonly EndedKey[];
  /** Of a root that was made beside another one. */
  readonly cross?: CrossCertificate;
  /** Of a data key that is not the first one. */
  readonly takenOver?: TakenOver;
}

/** Whether the key was made in the place of all of its kind, because they leaked. A root that lets another one retire does so later. */
export const answersLeak = ({ created, ended = [] }: KeyDescription): boolean =>
  ended.some(({ at }) => at === created);

/** A key as it is stored: its private part is encrypted. */
export interface SealedKey extends KeyDescription {
  readonly sealed: Uint8Array;
}

/** A key with its private part, as it is stored and in the clear. */
export interface OpenedKey extends SealedKey {
  readonly secret: Uint8Array;
}

/** The highest number that an owner's keys have had: a number that was lost with its row is not given again. */
export interface NumberMark {
  readonly owner: KeyOwner;
  readonly highest: number;
}

/** A mark as it is stored. */
export interface SealedMark extends NumberMark {
  readonly sealed: Uint8Array;
  /** ETag of the row that it is, or is to replace. */
  readonly etag?: string | undefined;
}

/** Stands for no end: the largest safe integer. */
export const NEVER = Number.MAX_SAFE_INTEGER;

/** Every field of the description, in one unambiguous text. */
export const describeKey = (key: KeyDescription): string =>
  JSON.stringify([
    'join-broker key',
    key.owner,
    key.sequence,
    key.purpose,
    Buffer.from(key.publicKey).toString('base64'),
    Buffer.from(key.certificate).toString('base64'),
    key.created,
    key.starts,
    key.expires,
    ...(key.ended || key.cross || key.takenOver ? [extraOf(key)] : []),
  ]);

const extraOf = ({ ended, cross, takenOver }: KeyDescription) => ({
  ...(ended && { ended }),
  ...(cross && {
    cross: { by: cross.by, certificate: Buffer.from(cross.certificate).toString('base64') },
  }),
  ...(takenOver && {
    takenOver: { ...takenOver, logKeys: Buffer.from(takenOver.logKeys).toString('base64') },
  }),
});
