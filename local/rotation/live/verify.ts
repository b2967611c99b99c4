/** Relying parties: openssl and ssh-keygen, with nothing but a trust bundle. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodePem, encodePem } from '../../../shared/encoding/pem.ts';
import type { TrustBundle } from '../../../shared/protocol/trust.ts';
import { type Outcome, runProgram } from '../../programs.ts';

export interface Issued {
  /** PEM: the leaf, then its issuing certificate. */
  readonly tls: string;
  /** One line. */
  readonly ssh: string;
}

/** What did not verify at this time, in the programs' words; nothing where all of it did. */
export async function problemsOf(
  certificates: readonly Issued[],
  bundle: TrustBundle,
  at: Date,
  folder: string,
): Promise<string[]> {
  if (certificates.length === 0) return [];
  return [
    ...(await tlsProblems(certificates, bundle, at, folder)),
    ...(await sshProblems(certificates, bundle, at, folder)),
  ];
}

async function tlsProblems(
  certificates: readonly Issued[],
  { tls: { roots } }: TrustBundle,
  at: Date,
  folder: string,
): Promise<string[]> {
  const issuing = new Set<string>();
  const leaves: string[] = [];
  for (const [i, { tls }] of certificates.entries()) {
    const [leaf, ...chain] = (decodePem('CERTIFICATE', tls) ?? []).map((der) =>
      encodePem('CERTIFICATE', der),
    );
    for (const one of chain) issuing.add(one);
    leaves.push(join(folder, `leaf-${i}.pem`));
    await writeFile(leaves.at(-1) ?? '', leaf ?? '');
  }
  const files = { roots: join(folder, 'roots.pem'), issuing: join(folder, 'issuing.pem') };
  await writeFile(files.roots, roots);
  await writeFile(files.issuing, [...issuing].join(''));
  const time = String(Math.floor(at.getTime() / 1000));
  const options = ['-x509_strict', '-purpose', 'sslclient', '-attime', time];
  const trust = ['-CAfile', files.roots, '-untrusted', files.issuing];
  const { stdout, stderr } = await run(
    'openssl',
    ['verify', ...options, ...trust, ...leaves],
    folder,
  );
  const good = stdout.split('\n').filter((line) => line.endsWith(': OK')).length;
  return good === leaves.length ? [] : [`openssl: ${good} of ${leaves.length}: ${stderr}`];
}

/** Reads the certificates and their signatures; who signed them has to be an authority of users, and their time to be now. */
async function sshProblems(
  certificates: readonly Issued[],
  bundle: TrustBundle,
  at: Date,
  folder: string,
): Promise<string[]> {
  const [file, authorities] = [join(folder, 'cert.pub'), join(folder, 'user-ca.pub')];
  await writeFile(file, certificates.map(({ ssh }) => `${ssh}\n`).join(''));
  await writeFile(authorities, bundle.ssh.user_ca.map((line) => `${line}\n`).join(''));
  const known = new Set(
    (await run('ssh-keygen', ['-l', '-f', authorities], folder)).stdout.match(FINGERPRINT),
  );
  const { stdout, stderr } = await run('ssh-keygen', ['-L', '-f', file], folder);
  const signers = [...stdout.matchAll(/Signing CA: \S+ (SHA256:\S+) \(using/g)].map(
    ([, one]) => one ?? '',
  );
  const times = [...stdout.matchAll(/Valid: from (\S+) to (\S+)/g)];
  const problems = signers
    .filter((one) => !known.has(one))
    .map((one) => `ssh-keygen: ${one} is no authority`);
  if (signers.length !== certificates.length)
    problems.push(`ssh-keygen: ${signers.length} of ${certificates.length} are read: ${stderr}`);
  for (const [, from = '', to = ''] of times)
    if (Date.parse(`${from}Z`) > at.getTime() || Date.parse(`${to}Z`) < at.getTime())
      problems.push(`ssh-keygen: valid from ${from} to ${to}, and it is ${at.toISOString()}`);
  return problems;
}

const FINGERPRINT = /SHA256:\S+/g;

async function run(program: string, args: readonly string[], cwd: string): Promise<Outcome> {
  const outcome = await runProgram(program, args, { cwd, env: { ...process.env, TZ: 'UTC' } });
  if (!outcome) throw new Error(`there is no program ${program}`);
  return outcome;
}
