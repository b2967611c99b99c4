/** Real servers show the certificates of a host; real clients believe them for its names, and for no other. */
import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { checkServerIdentity, createServer } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Outcome, runProgram } from '../../../local/programs.ts';
import {
  issueSshHostCertificate,
  issueSshUserCertificate,
  type SshCertificate,
} from '../../../shared/authority/ssh-certificate.ts';
import {
  issueHostTlsCertificate,
  randomSerialNumber,
} from '../../../shared/authority/tls-certificate.ts';
import { publicKeyInfo } from '../../../shared/authority/x509.ts';
import { encodePem } from '../../../shared/encoding/pem.ts';
import {
  type SshPublicKey,
  sshPublicKey,
  sshPublicKeyLine,
} from '../../../shared/encoding/ssh-public-key.ts';
import { hasProgram, programPath } from '../../programs.ts';
import { createAuthorities, later, NOON } from './rotation-parts.ts';

const NAMES = ['web.group1.test.example.org', 'web.hosts.example.com'] as const;
const { issuing, sshHost, sshUser } = await createAuthorities();
const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'join-broker-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function run(program: string, args: readonly string[], cwd: string): Promise<Outcome> {
  const outcome = await runProgram(program, args, { cwd });
  if (!outcome) throw new Error(`there is no program ${program}`);
  return outcome;
}

describe('a TLS server', () => {
  const key = newKey();
  const leaf = issueHostTlsCertificate(
    {
      serialNumber: randomSerialNumber(),
      names: NAMES,
      uri: 'spiffe://test.example.org/host/Node/1',
      publicKeyInfo: publicKeyInfo(key.publicKey),
      notBefore: later(-60),
      notAfter: later(3600),
    },
    issuing,
  );

  /** What `openssl s_client` says to a server with that certificate, with nothing pinned but the root. */
  async function connectAs(name: string): Promise<Outcome> {
    const folder = await newFolder();
    const root = join(folder, 'root.pem');
    await writeFile(root, encodePem('CERTIFICATE', issuing.root));
    const server = createServer(
      {
        key: key.privateKey.export({ format: 'pem', type: 'sec1' }),
        cert: encodePem('CERTIFICATE', leaf) + issuing.pem,
      },
      (socket) => socket.end('hello'),
    );
    // The client hangs up where it doesn't believe.
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    onTestFinished(() => void server.close());
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('no port');
    const trust = ['-CAfile', root, '-attime', String(NOON.getTime() / 1000), '-x509_strict'];
    const check = ['-verify_return_error', '-verify_hostname', name, '-purpose', 'sslserver'];
    return run(
      'openssl',
      ['s_client', '-connect', `127.0.0.1:${address.port}`, '-brief', ...trust, ...check],
      folder,
    );
  }

  test.skipIf(!hasProgram('openssl')).each(NAMES)('is believed to be %s', async (name) => {
    const { stdout, stderr } = await connectAs(name);
    expect(stderr).toContain('Verification: OK');
    expect(stderr).toContain(`Verified peername: ${name}`);
    expect(stdout).toBe('hello');
  });

  test
    .skipIf(!hasProgram('openssl'))
    .each([
      'db.group1.test.example.org',
      'group1.test.example.org',
      'a.web.group1.test.example.org',
    ])('is not believed to be %s', async (name) => {
    const { stdout, stderr } = await connectAs(name);
    expect(stderr).toContain('hostname mismatch');
    expect(stdout).toBe('');
  });

  test("is believed by Node's own check, although it has no subject", () => {
    const certificate = new X509Certificate(leaf);
    const peer = certificate.toLegacyObject();
    for (const name of NAMES) {
      expect(certificate.checkHost(name)).toBe(name);
      expect(checkServerIdentity(name, peer)).toBeUndefined();
    }
    const refused = checkServerIdentity('db.group1.test.example.org', peer);
    expect(refused?.message).toContain('is not in the cert');
  });
});

const hasSsh = ['ssh', 'sshd'].map(hasProgram).every(Boolean);

describe.skipIf(!hasSsh)('sshd with a HostCertificate', () => {
  const hostKey = newKey();
  const userKey = newKey();
  const form = (key: KeyObject): SshPublicKey => {
    const found = sshPublicKey(key);
    if (!found) throw new Error('no SSH key');
    return found;
  };
  // sshd and ssh go by the real clock.
  const fromNow = (seconds: number): Date => new Date(Date.now() + seconds * 1000);
  const certificate = (change: Partial<SshCertificate> = {}): SshCertificate => ({
    serial: 7n,
    key: form(hostKey.publicKey),
    keyId: 'host/Node/1',
    principals: NAMES,
    validAfter: fromNow(-60),
    validBefore: fromNow(3600),
    ...change,
  });

  /** Signs in to a server of that name whose host authority alone is known; `ssh` starts the server itself. */
  async function signIn(
    name: string,
    hostCertificate: string,
    known = `@cert-authority *.example.org,*.example.com ${sshPublicKeyLine(sshHost.publicKey)}`,
  ): Promise<Outcome> {
    const folder = await newFolder();
    const file = async (path: string, text: string): Promise<string> => {
      await writeFile(join(folder, path), text, { mode: 0o600 });
      return join(folder, path);
    };
    const pem = (key: KeyObject): string => String(key.export({ format: 'pem', type: 'sec1' }));
    // Debian's sshd wants this folder when root starts it.
    if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
    const server = await file(
      'sshd_config',
      [
        `HostKey ${await file('host', pem(hostKey.privateKey))}`,
        `HostCertificate ${await file('host-cert.pub', `${hostCertificate}\n`)}`,
        `AuthorizedKeysFile ${await file('users', sshPublicKeyLine(form(userKey.publicKey)))}`,
        'PermitRootLogin yes',
        'UsePAM no',
        'StrictModes no',
        'PidFile none',
        "ForceCommand echo 'hello from the server'",
        '',
      ].join('\n'),
    );
    const user = ['-i', await file('user', pem(userKey.privateKey)), '-o', 'IdentitiesOnly=yes'];
    return run(
      'ssh',
      [
        ...['-F', 'none', '-o', `ProxyCommand=${programPath('sshd')} -i -f ${server}`, ...user],
        ...['-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=yes'],
        ...['-o', `UserKnownHostsFile=${await file('known', `${known}\n`)}`],
        ...['-o', 'GlobalKnownHostsFile=none', `${userInfo().username}@${name}`],
      ],
      folder,
    );
  }

  test.each(NAMES)('is believed to be %s, without a question', async (name) => {
    const outcome = await signIn(name, issueSshHostCertificate(certificate(), sshHost));
    expect(outcome.stderr).not.toContain('authenticity');
    expect(outcome).toMatchObject({ code: 0, stdout: 'hello from the server\n' });
  });

  test.each<[string, () => [name: string, line: string]]>([
    [
      'as a host that the certificate does not name',
      () => ['db.group1.test.example.org', issueSshHostCertificate(certificate(), sshHost)],
    ],
    [
      'with a certificate of the authority for users',
      () => [NAMES[0], issueSshHostCertificate(certificate(), sshUser)],
    ],
    [
      'with a certificate for users of the authority for hosts',
      () => [NAMES[0], issueSshUserCertificate(certificate(), sshHost)],
    ],
    [
      'after its end',
      () => [
        NAMES[0],
        issueSshHostCertificate(
          certificate({ validAfter: fromNow(-7200), validBefore: fromNow(-3600) }),
          sshHost,
        ),
      ],
    ],
  ])('is not believed %s', async (_, made) => {
    const outcome = await signIn(...made());
    expect(outcome.stderr).toContain('Host key verification failed');
    expect(outcome).toMatchObject({ code: 255, stdout: '' });
  });
});
