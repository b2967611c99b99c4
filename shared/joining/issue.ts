/** Mints the certificates of a join with keys held in memory. */
import type { Authorities } from '../authority/authorities.ts';
import { issueSshUserCertificate } from '../authority/ssh-certificate.ts';
import { BACKDATED_SECONDS, issueTlsCertificate } from '../authority/tls-certificate.ts';
import { encodePem } from '../encoding/pem.ts';
import { sshPublicKeyOf } from '../encoding/ssh-public-key.ts';
import type { GrantedCertificate } from '../protocol/join.ts';
import { formatTimestamp } from '../protocol/values.ts';
import type { IssuedCertificate } from '../storage/instances.ts';
import type { CertificateKeys } from './certificate-keys.ts';
import type { Grant } from './grants.ts';

export interface Subject {
  readonly cluster: string;
  readonly bot: string;
  readonly instanceId: string;
}

/**
 * Mints one wish's certificates. Serial and times come from `record`, so that the same request, answered again, gets
 * the same certificate.
 */
export function issueCertificates(
  { wish, tlsKey, sshKey }: CertificateKeys,
  { roles, logins }: Grant,
  record: IssuedCertificate,
  subject: Subject,
  { issuing, sshUser }: Authorities,
): GrantedCertificate {
  const serial = Buffer.from(record.serial, 'hex');
  const notBefore = new Date((record.issued - BACKDATED_SECONDS) * 1000);
  const notAfter = new Date(record.expires * 1000);
  const tls = issueTlsCertificate(
    {
      serialNumber: serial,
      commonName: subject.bot,
      uri: `spiffe://${subject.cluster}/bot/${subject.bot}/${subject.instanceId}`,
      publicKeyInfo: tlsKey.der,
      notBefore,
      notAfter,
    },
    issuing,
  );
  const granted = {
    name: wish.name,
    roles: [...roles],
    issued: formatTimestamp(new Date(record.issued * 1000)),
    expires: formatTimestamp(notAfter),
    tls: encodePem('CERTIFICATE', tls) + issuing.pem,
  };
  if (logins.length === 0) return { ...granted, ssh_absent: whyNoLogins(roles) };
  const ssh = issueSshUserCertificate(
    {
      serial: serial.readBigUInt64BE(),
      key: sshPublicKeyOf(sshKey),
      keyId: `bot/${subject.bot}/${subject.instanceId}`,
      principals: logins,
      validAfter: notBefore,
      validBefore: notAfter,
    },
    sshUser,
  );
  return { ...granted, ssh };
}

const whyNoLogins = (roles: readonly string[]): string =>
  roles.length === 0
    ? 'the certificate has no roles, so it has no logins'
    : `no login comes from ${roles.length === 1 ? 'role' : 'roles'} ${roles.join(', ')}: add logins to a role, or the trait logins to the bot`;
