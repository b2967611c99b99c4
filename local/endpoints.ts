/** `.local/endpoints.json`: where the parts of a running stack are. `joinctl`, tests and shell scripts read it. */
import { rename, rm, writeFile } from 'node:fs/promises';
import process from 'node:process';

export interface Endpoints {
  readonly broker: string;
  readonly tables: string;
  /** The simulated Entra directory. */
  readonly directory: string;
  /** The simulated management API. */
  readonly management: string;
  /** Where issuing certificates are downloaded: `<pki>/<file name of the AIA URL>`. */
  readonly pki: string;
  /** The simulated machines of Azure and AWS by name, each with a metadata service of its own. */
  readonly machines: Readonly<Record<string, { readonly imds: string }>>;
}

/** Writes the file so that a reader finds all of it or none. */
export async function writeEndpoints(file: string, endpoints: Endpoints): Promise<void> {
  await writePrivately(file, `${JSON.stringify(endpoints, null, 2)}\n`);
}

export const removeEndpoints = (file: string): Promise<void> => rm(file, { force: true });

/** Replaces a file as a whole; only its owner may read it. */
export async function writePrivately(file: string, text: string): Promise<void> {
  const fresh = `${file}.${process.pid}`;
  await writeFile(fresh, text, { mode: 0o600 });
  await rename(fresh, file);
}
