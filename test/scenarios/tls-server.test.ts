import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, createServer, type PeerCertificate, type TLSSocket } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { hasProgram } from '../programs.ts';
import { joinExample, ROOT, type Scenario, startScenario, succeeded } from './scenario.ts';

test.skipIf(!hasProgram('openssl'))(
  'C1 a TLS server that asks for client certificates admits the joined bot, and nobody without one',
  async () => {
    const scenario = await startScenario();
    const identity = await joinExample(scenario, 'root');
    const file = (name: string): string => readFileSync(join(identity, name), 'utf8');
    const { port, certificate, refusals } = await startServer(scenario, file('tlscacerts'));

    const peer = await greet(port, certificate, { key: file('key'), cert: file('tlscert') });
    expect(peer).toMatch(
      /^example URI:spiffe:\/\/join-broker\.local\/bot\/example\/[0-9a-f-]{36}$/,
    );

    await expect(greet(port, certificate, {})).rejects.toThrow('refused');
    const stranger = await selfSigned(scenario, 'stranger');
    await expect(greet(port, certificate, stranger)).rejects.toThrow('refused');
    expect(refusals).toHaveLength(2);
    expect(refusals[0]).toBe('ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE');
  },
);

test.skipIf(!hasProgram('openssl'))(
  'C1 OpenSSL verifies the certificate with only the root pinned',
  async () => {
    const scenario = await startScenario();
    const identity = await joinExample(scenario, 'root');
    const verified = await scenario.run('openssl', [
      ...['verify', '-x509_strict', '-purpose', 'sslclient'],
      ...[
        '-CAfile',
        join(identity, 'tlscacerts'),
        '-untrusted',
        join(identity, 'tlscert'),
        join(identity, 'tlscert'),
      ],
    ]);
    expect(succeeded(verified).stdout).toContain('tlscert: OK');
  },
);

test.skipIf(!['bash', 'curl', 'openssl', 'jq'].map(hasProgram).every(Boolean))(
  'a client of bash, curl, openssl and jq joins, with a user-assigned and with a system-assigned identity',
  async () => {
    const scenario = await startScenario();
    await joinExample(scenario, 'root');
    const { broker, pki, machines } = scenario.stack.endpoints;
    for (const [machine, env] of [
      ['vm-user', { CLIENT_ID: '22222222-2222-2222-2222-222222222222' }],
      ['vm-system', {}],
    ] as const) {
      const output = join(scenario.folder, machine);
      succeeded(
        await scenario.run(
          'bash',
          [join(ROOT, 'examples/curl-join.sh'), broker, 'example-bot', output],
          {
            JOINBOT_IMDS_URL: machines[machine]?.imds ?? '',
            JOINBOT_PKI_URL: pki,
            ...env,
          },
        ),
      );
      const pair = [
        '-CAfile',
        join(output, 'tlscacerts'),
        '-untrusted',
        join(output, 'tlscert'),
        join(output, 'tlscert'),
      ];
      expect(succeeded(await scenario.run('openssl', ['verify', ...pair])).stdout).toContain('OK');
    }
  },
);

interface TestServer {
  readonly port: number;
  readonly certificate: string;
  /** Why it refused clients, one after the other. */
  readonly refusals: readonly (string | undefined)[];
}

interface Pair {
  readonly key?: string;
  readonly cert?: string;
}

/** A server that trusts our root for clients, and tells whom it admitted. */
async function startServer(scenario: Scenario, clientRoots: string): Promise<TestServer> {
  const own = await selfSigned(scenario, 'localhost');
  const server = createServer(
    { ...own, ca: clientRoots, requestCert: true, rejectUnauthorized: true },
    (socket: TLSSocket) => {
      const { subject, subjectaltname } = socket.getPeerCertificate() as PeerCertificate;
      socket.end(`${subject.CN} ${subjectaltname}`);
    },
  );
  const refusals: (string | undefined)[] = [];
  server.on('tlsClientError', (error: Error & { code?: string }) => refusals.push(error.code));
  server.listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return { port: address.port, certificate: own.cert, refusals };
}

/** What the server says to a client. Rejects where it refuses the client. */
function greet(port: number, serverRoot: string, pair: Pair): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const socket = connect({
      port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca: serverRoot,
      ...pair,
    });
    socket.on('data', (text) => {
      said += text;
    });
    // The alert may or may not arrive before the end of the connection.
    socket.on('end', () => (said === '' ? reject(new Error('refused')) : resolve(said)));
    socket.on('error', () => reject(new Error('refused')));
  });
}

async function selfSigned(
  { run, folder }: Scenario,
  name: string,
): Promise<{ key: string; cert: string }> {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
  succeeded(
    await run('openssl', [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '2',
      ],
      ...[
        '-subj',
        `/CN=${name}`,
        '-addext',
        `subjectAltName=DNS:${name}`,
        '-keyout',
        key,
        '-out',
        cert,
      ],
    ]),
  );
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}
