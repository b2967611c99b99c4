/** Revocation lists of both authorities, with every key made at noon. */
import { sign } from 'node:crypto';
import { type Authorities, authoritiesOf } from '../../../shared/authority/authorities.ts';
import { type CrlContents, makeCrl } from '../../../shared/authority/crl.ts';
import { openGenuineKeys } from '../../../shared/authority/genuine-keys.ts';
import { parseCertificate } from '../../../shared/encoding/certificate.ts';
import { createRotatedParts, later, NOON } from './rotation-parts.ts';

/** Makes a list with nobody on it, but for what is changed. */
type MakeList = (change?: Partial<CrlContents>) => Promise<Uint8Array>;

export async function createListMakers(): Promise<{
  readonly issuing: Authorities['issuing'];
  readonly issuingCrl: MakeList;
  readonly rootCrl: MakeList;
}> {
  const parts = await createRotatedParts();
  const genuine = await openGenuineKeys(await parts.store.list(), parts, NOON);
  const authorities = genuine && authoritiesOf(genuine, parts.policy, NOON);
  const rootKey = genuine?.keys.find(({ purpose }) => purpose === 'root');
  if (!authorities || !rootKey) throw new Error('the authorities do not open');
  const { issuing } = authorities;
  const root = {
    subject: parseCertificate(rootKey.certificate).subject,
    publicKeyInfo: rootKey.publicKey,
  };
  const contents = {
    number: 1_795_000_000,
    thisUpdate: NOON,
    nextUpdate: later(24 * 3600),
    revoked: [],
  };
  return {
    issuing,
    issuingCrl: (change) =>
      makeCrl({ issuer: issuing, ...contents, ...change }, 'ecdsaWithSHA256', async (tbs) =>
        sign('sha256', tbs, issuing.privateKey),
      ),
    rootCrl: (change) =>
      makeCrl({ issuer: root, ...contents, ...change }, 'ecdsaWithSHA384', (tbs) =>
        parts.custody.signWithRoot(rootKey.secret, tbs),
      ),
  };
}
