/** The Workload API as a place where a certificate goes. Its server is loaded and started once there is something to tell. */
import { X509Certificate } from 'node:crypto';
import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import { decodePem } from '../../shared/encoding/pem.ts';
import { nearestThere } from '../check-directory.ts';
import { withPlainErrors } from '../durable-file.ts';
import type { Effects } from '../effects.ts';
import { pkcs8Der } from '../outputs/key-text.ts';
import type { Material } from '../outputs/output.ts';
import { admitToSocket } from '../readers.ts';
import type { WorkloadApiSocket } from '../settings.ts';
import type { X509Svid } from './messages.ts';
import type { WorkloadApi } from './server.ts';

export interface WorkloadApiPlace {
  readonly name: string;
  check(): Promise<void>;
  tell(material: Material): Promise<void>;
  close(): Promise<void>;
}

export function workloadApiAt(
  { path, mode, readers = [] }: WorkloadApiSocket,
  { programs, log }: Pick<Effects, 'programs' | 'log'>,
): WorkloadApiPlace {
  let serving: WorkloadApi | undefined;
  return {
    name: `unix://${path}`,
    check: () =>
      withPlainErrors(dirname(path), async () => {
        await access(await nearestThere(dirname(path)), constants.W_OK | constants.X_OK);
      }),
    async tell(material) {
      // A library that most agents never need.
      const { serveWorkloadApi } = await import('./server.ts');
      const admit = (directory: string, socket: string) =>
        admitToSocket(directory, socket, path, readers, programs);
      serving ??= await serveWorkloadApi({ path, mode }, admit, log.warn);
      serving.publish(svidOf(material));
    },
    async close() {
      await serving?.close();
    },
  };
}

function svidOf({ certificate, trust }: Material): X509Svid {
  const chain = decodePem('CERTIFICATE', certificate.tls) ?? [];
  const [leaf = new Uint8Array()] = chain;
  const id = /(?:^|, )URI:(spiffe:\/\/[^,]+)/.exec(
    new X509Certificate(leaf).subjectAltName ?? '',
  )?.[1];
  if (id === undefined) throw new TypeError('every certificate of the broker has a SPIFFE ID');
  return {
    id,
    chain,
    key: pkcs8Der(certificate),
    authorities: decodePem('CERTIFICATE', trust.tls.roots) ?? [],
  };
}
