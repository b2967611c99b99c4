/** What the revocation lists of a broker say. */
import { X509Certificate } from 'node:crypto';
import { type Crl, parseCrl } from '../../shared/encoding/crl.ts';
import { type Krl, parseKrl } from '../../shared/encoding/krl.ts';
import { decodePem } from '../../shared/encoding/pem.ts';
import { type Attempt, joined } from './joiner.ts';
import type { TestBroker } from './test-broker.ts';

export interface ReadLists {
  /** In the order of `tls.crl`: issuing keys first, then the roots. */
  readonly crls: readonly Crl[];
  /** Serial numbers on any of them. */
  readonly serials: readonly string[];
  readonly krl: Krl;
}

export async function readLists(api: Pick<TestBroker, 'request'>): Promise<ReadLists> {
  const [pem, krl] = await Promise.all(
    ['tls.crl', 'ssh.krl'].map((form) => api.request('GET', `/v1/trust/${form}`)),
  );
  if (pem?.status !== 200 || krl?.status !== 200)
    throw new Error(`no lists: ${JSON.stringify([pem?.body, krl?.body])}`);
  const ders = decodePem('X509 CRL', String(pem.body)) ?? [];
  const crls = ders.map((der) => parseCrl(der));
  return {
    crls,
    serials: [...new Set(crls.flatMap(({ revoked }) => [...revoked.keys()]))],
    krl: parseKrl(krl.bytes),
  };
}

/** Serial number of the first certificate that an admitted joiner got. */
export const serialOf = (attempt: Attempt): string =>
  new X509Certificate(joined(attempt).certificates[0]?.tls ?? '').serialNumber.toLowerCase();

/** The serial number of its SSH certificate. */
export const sshSerialOf = (attempt: Attempt): bigint =>
  BigInt(`0x${serialOf(attempt).slice(0, 16)}`);

export const tend = ({ broker }: TestBroker): Promise<void> =>
  broker.lists.tend({ requestId: 'timer' });
