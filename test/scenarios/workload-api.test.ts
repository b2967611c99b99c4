/** go-spiffe, as it is, with the Workload API of a running agent: an SVID, its renewal, bundles, and TLS with them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createAgentHome } from '../endurance/running-agent.ts';
import { hasPeers } from '../peers/peers.ts';

test.skipIf(!hasPeers)(
  'go-spiffe has the SVID, hears of its renewal, and speaks TLS with it',
  async () => {
    const home = await createAgentHome(
      [],
      ['{type: workload-identity-api, listen: "unix://{folder}/w.sock"}'],
    );
    const agent = home.start();
    await agent.says('wrote', 2);
    const question = { address: `unix://${join(home.folder, 'w.sock')}`, updates: 2 };
    const peer = spawn('join-broker-peers', ['workload'], { stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    peer.stdout.on('data', (text) => {
      said += text;
    });
    peer.stderr.on('data', (text) => {
      said += text;
    });
    const ended = once(peer, 'close');
    peer.stdin.end(JSON.stringify(question));
    for (let renewals = 0; peer.exitCode === null && renewals < 100; renewals += 1) {
      agent.child.kill('SIGHUP');
      await Promise.race([ended, delay(300)]);
    }
    await ended;
    expect(peer.exitCode, said).toBe(0);
    const answer = JSON.parse(said);
    expect(answer).toMatchObject({
      id: 'spiffe://test.example.com/bot/example/1',
      trust_domain: 'test.example.com',
      peer: 'spiffe://test.example.com/bot/example/1',
      jwt: 'Unimplemented',
    });
    expect(new Set(answer.serials).size).toBe(2);
    await agent.kill('SIGTERM');
  },
);
