/** Mints the certificates of a join with keys held in memory. */
import type { Authorities } from '../authority/authorities.ts';
import {
  issueSshHostCertificate,
  issueSshUserCertificate,
  MOST_PRINCIPALS,
  type SshCertificate,
} from '../authority/ssh-certificate.ts';
import {
  BACKDATED_SECONDS,
  issueHostTlsCertificate,
  issueTlsCertificate,
} from '../authority/tls-certificate.ts';
import { encodePem } from '../encoding/pem.ts';
import { sshPublicKeyOf } from '../encoding/ssh-public-key.ts';
import type { GrantedCertificate } from '../protocol/join.ts';
import { formatTimestamp } from '../protocol/values.ts';
import type { IssuedCertificate } from '../storage/instances.ts';
import type { CertificateKeys } from './certificate-keys.ts';
import type { Grant, HostGrant, UserGrant } from './owners/owner.ts';

export interface Subject {
  readonly cluster: string;
  readonly instanceId: string;
  /** Where everybody finds lists of what is revoked, for certificates to say. */
  readonly crlAddress?: string | undefined;
}

/**
 * Mints one wish's certificates. Serial and times come from `record`, so that the same request, answered again, gets
 * the same certificate.
 */
export function issueCertificates(
  keys: CertificateKeys,
  grant: Grant,
  record: IssuedCertificate,
  subject: Subject,
  authorities: Authorities,
): GrantedCertificate {
  return {
    name: keys.wish.name,
    issued: formatTimestamp(new Date(record.issued * 1000)),
    expires: formatTimestamp(new Date(record.expires * 1000)),
    ...(grant.type === 'user'
      ? userCertificates(keys, grant, record, subject, authorities)
      : hostCertificates(keys, grant, record, subject, authorities)),
  };
}

interface Recorded {
  readonly serialNumber: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

const recordedIn = (record: IssuedCertificate): Recorded => ({
  serialNumber: Buffer.from(record.serial, 'hex'),
  notBefore: new Date((record.issued - BACKDATED_SECONDS) * 1000),
  notAfter: new Date(record.expires * 1000),
});

/** The same in the words of OpenSSH, for this key. */
const sshCertificate = (
  { serialNumber, notBefore, notAfter }: Recorded,
  { sshKey }: CertificateKeys,
  keyId: string,
  principals: readonly string[],
): SshCertificate => ({
  serial: serialNumber.readBigUInt64BE(),
  key: sshPublicKeyOf(sshKey),
  keyId,
  principals,
  validAfter: notBefore,
  validBefore: notAfter,
});

function userCertificates(
  keys: CertificateKeys,
  { bot, roles, logins, permissions }: UserGrant,
  record: IssuedCertificate,
  { cluster, instanceId, crlAddress }: Subject,
  { issuing, sshUser }: Authorities,
): Pick<GrantedCertificate, 'roles' | 'tls' | 'ssh' | 'ssh_absent'> {
  const recorded = recordedIn(record);
  const leaf = issueTlsCertificate(
    {
      commonName: bot,
      uri: `spiffe://${cluster}/bot/${bot}/${instanceId}`,
      publicKeyInfo: keys.tlsKey.der,
      crlAddress,
      ...recorded,
    },
    issuing,
  );
  const tls = encodePem('CERTIFICATE', leaf) + issuing.pem;
  if (logins.length === 0) return { roles: [...roles], tls, ssh_absent: whyNoLogins(roles) };
  if (logins.length > MOST_PRINCIPALS)
    return { roles: [...roles], tls, ssh_absent: tooMany(logins) };
  const ssh = issueSshUserCertificate(
    sshCertificate(recorded, keys, `bot/${bot}/${instanceId}`, logins),
    sshUser,
    permissions,
  );
  return { roles: [...roles], tls, ssh };
}

function hostCertificates(
  keys: CertificateKeys,
  { role, names }: HostGrant,
  record: IssuedCertificate,
  { cluster, instanceId, crlAddress }: Subject,
  { issuing, sshHost }: Authorities,
): Pick<GrantedCertificate, 'names' | 'tls' | 'ssh'> {
  const recorded = recordedIn(record);
  const leaf = issueHostTlsCertificate(
    {
      names,
      uri: `spiffe://${cluster}/host/${role}/${instanceId}`,
      publicKeyInfo: keys.tlsKey.der,
      crlAddress,
      ...recorded,
    },
    issuing,
  );
  const ssh = issueSshHostCertificate(
    sshCertificate(recorded, keys, `host/${role}/${instanceId}`, names),
    sshHost,
  );
  return { names: [...names], tls: encodePem('CERTIFICATE', leaf) + issuing.pem, ssh };
}

const tooMany = (logins: readonly string[]): string =>
  `the roles have ${logins.length} logins, and OpenSSH reads no certificate with more than ${MOST_PRINCIPALS}: ask for fewer roles`;

const whyNoLogins = (roles: readonly string[]): string =>
  roles.length === 0
    ? 'the certificate has no roles, so it has no logins'
    : `no login comes from ${roles.length === 1 ? 'role' : 'roles'} ${roles.join(', ')}: add logins to a role, or the trait logins to the bot`;
