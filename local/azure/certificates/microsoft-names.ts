/** Names and addresses in the certificates of the simulated Microsoft. */
import { OID } from '../../../shared/encoding/oids.ts';
import { distinguishedName } from './certificate.ts';
import { MICROSOFT_OID } from './microsoft-oids.ts';

const ORGANIZATION = 'Simulated Microsoft Corporation';

/** The name that signs attested documents in Azure's public cloud. */
export const ATTESTED_DOMAIN = 'metadata.azure.com';

export const authorityName = (commonName: string): Uint8Array =>
  distinguishedName([
    [MICROSOFT_OID.countryName, 'US'],
    [OID.organizationName, ORGANIZATION],
    [OID.commonName, commonName],
  ]);

export const leafName = (commonName: string): Uint8Array =>
  distinguishedName([
    [MICROSOFT_OID.countryName, 'US'],
    [MICROSOFT_OID.stateOrProvinceName, 'WA'],
    [MICROSOFT_OID.localityName, 'Redmond'],
    [OID.organizationName, ORGANIZATION],
    [OID.commonName, commonName],
  ]);

/** Where Microsoft's certificates are downloaded: the file's name goes between. */
export const PKI_ADDRESSES = [
  'http://www.microsoft.com/pkiops/certs',
  'http://caissuers.microsoft.com/pkiops/certs',
] as const;

/** Both addresses of an authority's certificate. */
export const certificateUrls = (name: string): readonly string[] =>
  PKI_ADDRESSES.map((address) => `${address}/${encodeURIComponent(name)}.crt`);

export const crlUrls = (name: string, folder: string): readonly string[] =>
  ['www', 'crl2'].map(
    (host) => `http://${host}.microsoft.com/pkiops/crl/${folder}${encodeURIComponent(name)}.crl`,
  );

export const OCSP_URL = 'http://oneocsp.microsoft.com/ocsp';
