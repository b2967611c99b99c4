/**
 * Other people's programs, as they are, with the Workload API of a running agent: go-spiffe, a client made of
 * go-control-plane, and Envoy. Each has the SVID, hears of its renewal, and uses it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { codeBlocks } from '../docs/markdown.ts';
import { createAgentHome, type RunningAgent } from '../endurance/running-agent.ts';
import { hasPeers } from '../peers/peers.ts';
import { hasProgram, programPath } from '../programs.ts';
import { freePort } from './free-port.ts';

const ID = 'spiffe://test.example.com/bot/example/1';

interface Scene {
  readonly folder: string;
  readonly agent: RunningAgent;
}

/** An agent that serves the Workload API, and writes a client's SVID. */
async function startScene(): Promise<Scene> {
  const { folder, start } = await createAgentHome(
    [],
    [
      '{type: workload-identity-api, listen: "unix://{folder}/w.sock"}',
      '{type: spiffe, destination: {type: directory, path: "{folder}/client"}}',
    ],
  );
  const agent = start();
  await agent.says('wrote', 3);
  return { folder, agent };
}

/** Renews again and again, once `isReady`, until the peer has seen enough; what it says. */
async function answerOf(
  command: 'workload' | 'secrets',
  { folder, agent }: Scene,
  isReady?: Promise<void>,
) {
  const peer = spawn('join-broker-peers', [command], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [peer.stdout, peer.stderr]) {
    stream.on('data', (text) => {
      said += text;
    });
  }
  const ended = once(peer, 'close');
  peer.stdin.end(JSON.stringify({ address: `unix://${join(folder, 'w.sock')}`, updates: 2 }));
  await Promise.race([isReady, ended]);
  await renewUntil(agent, peer, ended);
  expect(peer.exitCode, said).toBe(0);
  return JSON.parse(said);
}

async function renewUntil(agent: RunningAgent, peer: ChildProcess, ended: Promise<unknown>) {
  for (let renewals = 0; peer.exitCode === null && renewals < 100; renewals += 1) {
    agent.child.kill('SIGHUP');
    await Promise.race([ended, delay(300)]);
  }
  await ended;
}

test.skipIf(!hasPeers)(
  "go-spiffe speaks TLS with it, and a client of Envoy's service takes and refuses secrets",
  async () => {
    const scene = await startScene();
    const answer = await answerOf('workload', scene);
    expect(answer).toMatchObject({
      id: ID,
      trust_domain: 'test.example.com',
      peer: ID,
      jwt: 'Unimplemented',
    });
    expect(new Set(answer.serials).size).toBe(2);

    // The same agent: a client of Envoy's service, one of whose two answers is a refusal.
    const refused = scene.agent.says('Envoy did not take a secret: a test', 1);
    // A renewal in between would make the refusal one of something older.
    const secrets = await answerOf('secrets', scene, refused);
    expect(secrets).toMatchObject({
      names: ['default', 'ROOTCA'],
      everything: [ID, 'spiffe://test.example.com'],
      trust_domain: 'envoy.tls.cert_validator.spiffe test.example.com',
      fetched: ['ROOTCA'],
      unknown: 'InvalidArgument',
      delta: 'Unimplemented',
    });
    expect(new Set(secrets.serials).size).toBe(2);
    await refused;
    await scene.agent.kill('SIGTERM');
  },
);

test.skipIf(!hasProgram('envoy'))(
  'Envoy serves with it, and admits its trust domain alone',
  async () => {
    const { folder, agent } = await startScene();
    const port = await freePort();
    const config = join(folder, 'envoy.json');
    writeFileSync(config, JSON.stringify(envoyConfig(join(folder, 'w.sock'), port)));
    const envoy = spawn(
      programPath('envoy') ?? '',
      ['-c', config, '--disable-hot-restart', '--concurrency', '1', '--log-level', 'warning'],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    onTestFinished(() => void envoy.kill('SIGKILL'));
    let said = '';
    envoy.stderr.on('data', (text) => {
      said += text;
    });
    const client = () => ({
      cert: readFileSync(join(folder, 'client/svid.pem')),
      key: readFileSync(join(folder, 'client/svid_key.pem')),
    });

    await expect.poll(() => askOverTls(port, client()), { timeout: 20_000 }).toContain('hello');
    const [, first] = await askOverTls(port, client()).then(peerOf);
    expect(await askOverTls(port, client()).then(peerOf)).toEqual([`URI:${ID}`, first]);
    // Whoever shows nothing gets nothing.
    expect(await askOverTls(port, {})).not.toContain('hello');

    agent.child.kill('SIGHUP');
    await expect
      .poll(async () => peerOf(await askOverTls(port, client()))[1], { timeout: 20_000 })
      .not.toBe(first);
    expect(await askOverTls(port, client())).toContain('hello');
    expect(said).not.toMatch(/sds|secret/i);
    await agent.kill('SIGTERM');
  },
);

/** As docs/outputs.md has it, for a server. */
const documented = codeBlocks(
  readFileSync(new URL('../../docs/outputs.md', import.meta.url), 'utf8'),
  'json',
).find((text) => text.includes('DownstreamTlsContext'));

const envoyConfig = (socket: string, port: number) => {
  return {
    node: { id: 'test', cluster: 'test' },
    static_resources: {
      clusters: [
        {
          name: 'joinbot',
          connect_timeout: '1s',
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          load_assignment: {
            cluster_name: 'joinbot',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: socket } } } }] }],
          },
        },
      ],
      listeners: [
        {
          address: { socket_address: { address: '127.0.0.1', port_value: port } },
          filter_chains: [
            {
              transport_socket: JSON.parse(documented ?? ''),
              filters: [
                {
                  name: 'envoy.filters.network.http_connection_manager',
                  typed_config: {
                    '@type':
                      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                    stat_prefix: 'hello',
                    delayed_close_timeout: '0s',
                    route_config: {
                      virtual_hosts: [
                        {
                          name: 'all',
                          domains: ['*'],
                          routes: [
                            {
                              match: { prefix: '/' },
                              direct_response: { status: 200, body: { inline_string: 'hello' } },
                            },
                          ],
                        },
                      ],
                    },
                    http_filters: [
                      {
                        name: 'envoy.filters.http.router',
                        typed_config: {
                          '@type':
                            'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
                        },
                      },
                    ],
                  },
                },
              ],
            },
          ],
        },
      ],
    },
  };
};

/** What is said, behind who says it (the SAN and the serial number); or what went wrong. */
const askOverTls = (
  port: number,
  credentials: { readonly cert?: Buffer; readonly key?: Buffer },
): Promise<string> =>
  new Promise((resolve) => {
    // Who it is, is looked at here: a bot's certificate is a client's to OpenSSL.
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...credentials });
    let said = '';
    socket.write('GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n');
    socket.on('secureConnect', () => {
      const { subjectaltname = '', serialNumber } = socket.getPeerCertificate();
      said += `${subjectaltname} ${serialNumber} `;
    });
    socket.on('data', (text) => {
      said += text;
    });
    socket.on('error', (error) => resolve(error.message));
    socket.on('close', () => resolve(said));
  });

const peerOf = (said: string): string[] => said.split(' ').slice(0, 2);
