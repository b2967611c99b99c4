/** Real readers of the lists: programs that are told to check them refuse who is locked, and nobody else. */
import { spawn } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { authoritiesOf } from '../../../shared/authority/authorities.ts';
import { openGenuineKeys } from '../../../shared/authority/genuine-keys.ts';
import { createKeyStore } from '../../../shared/authority/key-store.ts';
import { ROTATION_POLICY } from '../../../shared/authority/rotation-policy.ts';
import {
  issueSshHostCertificate,
  issueSshUserCertificate,
} from '../../../shared/authority/ssh-certificate.ts';
import { encodeBase64 } from '../../../shared/encoding/base64.ts';
import { parseCrl } from '../../../shared/encoding/crl.ts';
import { decodePem } from '../../../shared/encoding/pem.ts';
import { sshPublicKey } from '../../../shared/encoding/ssh-public-key.ts';
import { createScene } from '../../broker/fixtures.ts';
import { type Attempt, CLUSTER, join, joined, newKey } from '../../broker/joiner.ts';
import { signIn } from '../../broker/operators.ts';
import { createClock, type TestBroker } from '../../broker/test-broker.ts';
import { askPeer, hasPeers } from '../../peers/peers.ts';
import { hasProgram, programPath } from '../../programs.ts';
import { freePort } from '../../scenarios/free-port.ts';
import { textOf } from '../run-program.ts';

/** One machine that is locked and one that isn't, and what a relying party has fetched. Programs have clocks of their own. */
async function lockedScene() {
  const { api, vm, subscription } = await createScene({ clock: createClock(new Date()) });
  const other = subscription.virtualMachine('vm-b', {
    resourceGroup: 'group1',
    systemAssigned: true,
  });
  const [locked, healthy] = [await join(api, vm), await join(api, other)];
  await api.put({
    kind: 'lock',
    version: 'v2',
    metadata: { name: 'incident-1' },
    spec: { target: { machine: vm.vmId } },
  });
  api.clock.advance(5);
  const fetched = async (form: string) => (await api.request('GET', `/v1/trust/${form}`)).bytes;
  return {
    api,
    machine: other,
    locked,
    healthy,
    roots: Buffer.from(await fetched('tls.pem')).toString(),
    crls: Buffer.from(await fetched('tls.crl')).toString(),
    krl: await fetched('ssh.krl'),
  };
}

/** Has the SSH authorities' private keys, and makes certificates that are in no row of the broker's. */
async function createThief({ tables, custody, clock }: TestBroker) {
  const parts = { custody, cluster: CLUSTER };
  const genuine = await openGenuineKeys(
    await createKeyStore(tables.keys).list(),
    parts,
    clock.now(),
  );
  const stolen = genuine && authoritiesOf(genuine, ROTATION_POLICY, clock.now());
  const key = sshPublicKey(createPublicKey(newKey()));
  if (!stolen || !key) throw new Error('nothing to steal');
  const certificate = {
    ...{ serial: 4711n, key, keyId: 'nobody', principals: ['root'] },
    validAfter: new Date(clock.now().getTime() - 60_000),
    validBefore: new Date(clock.now().getTime() + 3600_000),
  };
  return {
    ofUser: `${issueSshUserCertificate(certificate, stolen.sshUser)}\n`,
    ofHost: `${issueSshHostCertificate(certificate, stolen.sshHost)}\n`,
  };
}

const tlsOf = (attempt: Attempt): string => joined(attempt).certificates[0]?.tls ?? '';
const sshOf = (attempt: Attempt): string => `${joined(attempt).certificates[0]?.ssh}\n`;
const keyOf = (attempt: Attempt): string =>
  attempt.key.export({ format: 'pem', type: 'pkcs8' }).toString();

const isAccepted = (ask: () => unknown, refusal: string): boolean => {
  try {
    ask();
    return true;
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: Buffer; stderr?: Buffer };
    if (!`${stdout}${stderr}`.includes(refusal)) throw error;
    return false;
  }
};

describe('who is locked is refused, and nobody else, by', () => {
  test.skipIf(!hasProgram('openssl'))('openssl verify -crl_check_all', async () => {
    const { locked, healthy, roots, crls } = await lockedScene();
    const accepts = (attempt: Attempt): boolean =>
      isAccepted(
        () =>
          textOf(
            'openssl',
            [
              ...['verify', '-x509_strict', '-crl_check_all', '-CAfile', '@roots'],
              ...['-untrusted', '@leaf', '-CRLfile', '@crls', '@leaf'],
            ],
            { files: { roots, crls, leaf: tlsOf(attempt) } },
          ),
        'certificate revoked',
      );
    expect([accepts(healthy), accepts(locked)]).toEqual([true, false]);
  });

  test.skipIf(!hasPeers)("Go's crypto/x509", async () => {
    const { locked, healthy, roots, crls } = await lockedScene();
    const lists = (decodePem('X509 CRL', crls) ?? []).map(encodeBase64);
    const root = (decodePem('CERTIFICATE', roots) ?? []).map(encodeBase64);
    const pathOf = (attempt: Attempt): string[] => [
      ...(decodePem('CERTIFICATE', tlsOf(attempt)) ?? []).map(encodeBase64),
      ...root,
    ];
    const paths = [healthy, locked].map(pathOf);
    const answer = askPeer('crls', { paths, lists });
    const numbers = (decodePem('X509 CRL', crls) ?? []).map((der) => `${parseCrl(der).number}`);
    expect(answer).toEqual({ numbers, revoked: [false, true] });
  });

  test.skipIf(!hasProgram('java'))("Java's PKIX", async () => {
    const { locked, healthy, roots, crls } = await lockedScene();
    const program = fileURLToPath(new URL('CheckPaths.java', import.meta.url));
    const said = textOf(
      'java',
      ['-XX:TieredStopAtLevel=1', program, '@roots', '@crls', '@a', '@b'],
      {
        files: { roots, crls, a: tlsOf(healthy), b: tlsOf(locked) },
      },
    );
    expect(said).toBe('good\nREVOKED\n');
  });

  test.skipIf(!hasProgram('ssh-keygen'))('ssh-keygen -Q, which reads as sshd does', async () => {
    const { locked, healthy, krl } = await lockedScene();
    const accepts = (attempt: Attempt): boolean =>
      isAccepted(
        () =>
          textOf('ssh-keygen', ['-Q', '-l', '-f', '@krl', '@cert'], {
            files: { krl, cert: sshOf(attempt) },
          }),
        'REVOKED',
      );
    expect([accepts(healthy), accepts(locked)]).toEqual([true, false]);
  });

  test.skipIf(!hasProgram('ssh-keygen'))(
    'ssh-keygen -Q, where what signed leaked: also what nobody knows that the thief has made',
    async () => {
      const { api, machine, healthy } = await lockedScene();
      const { ofUser, ofHost } = await createThief(api);
      const admin = signIn(api, 'JoinBroker.AuthorityAdmin');
      const accepts = async (certificate: string): Promise<boolean> => {
        const krl = (await api.request('GET', '/v1/trust/ssh.krl')).bytes;
        const args = ['-Q', '-l', '-f', '@krl', '@cert'];
        const ask = () => textOf('ssh-keygen', args, { files: { krl, cert: certificate } });
        return isAccepted(ask, 'REVOKED');
      };
      expect([await accepts(ofUser), await accepts(ofHost)]).toEqual([true, true]);
      for (const name of ['ssh-user', 'ssh-host']) {
        const body = { numbers: [1], leaked: true };
        await admin.request('POST', `/v1/authorities/${name}/rotate`, { body });
      }
      api.clock.advance(5);
      expect([await accepts(ofUser), await accepts(ofHost)]).toEqual([false, false]);
      expect(await accepts(sshOf(healthy))).toBe(false);
      const renewed = await join(api, machine, { renews: healthy });
      expect(await accepts(sshOf(renewed))).toBe(true);
    },
  );

  test.skipIf(!['nginx', 'openssl'].every(hasProgram))('nginx with ssl_crl', async () => {
    const { locked, healthy, roots, crls } = await lockedScene();
    const folder = await mkdtemp(joinPath(tmpdir(), 'join-broker-nginx-'));
    const port = await freePort();
    const server = textOf('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-subj', '/CN=localhost', '-days', '2', '-keyout', '-', '-out', '-'],
    ]);
    const files = { 'server.pem': server, 'roots.pem': roots, 'tls.crl': crls };
    for (const [name, text] of Object.entries(files))
      await writeFile(joinPath(folder, name), text, { mode: 0o600 });
    await writeFile(joinPath(folder, 'nginx.conf'), nginxConfig(folder, port));
    const nginx = spawn(programPath('nginx') ?? '', [
      ...['-p', folder, '-c', joinPath(folder, 'nginx.conf'), '-e', joinPath(folder, 'error.log')],
    ]);
    onTestFinished(async () => {
      nginx.kill();
      if (nginx.exitCode === null) await once(nginx, 'exit');
      await rm(folder, { recursive: true });
    });
    expect(await askNginx(port, healthy)).toContain('200 OK');
    expect(await askNginx(port, healthy)).toContain('SUCCESS');
    expect(await askNginx(port, locked)).toContain('400 Bad Request');
  });
});

const nginxConfig = (folder: string, port: number): string => `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${folder}/server.pem;
    ssl_certificate_key ${folder}/server.pem;
    ssl_client_certificate ${folder}/roots.pem;
    ssl_crl ${folder}/tls.crl;
    ssl_verify_client on;
    ssl_verify_depth 2;
    location / { return 200 "$ssl_client_verify"; }
  }
}
`;

/** What nginx answers; it may still be starting. */
async function askNginx(port: number, attempt: Attempt): Promise<string> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await exchange(port, attempt);
    } catch (error) {
      if ((error as { code?: string }).code !== 'ECONNREFUSED' || tries === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function exchange(port: number, attempt: Attempt): Promise<string> {
  const socket = connect({
    ...{ port, host: '127.0.0.1', rejectUnauthorized: false },
    ...{ key: keyOf(attempt), cert: tlsOf(attempt) },
  });
  await once(socket, 'secureConnect');
  socket.end('GET / HTTP/1.0\r\nHost: localhost\r\n\r\n');
  let answer = '';
  for await (const chunk of socket) answer += chunk;
  return answer;
}
