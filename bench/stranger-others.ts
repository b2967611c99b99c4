/** What a stranger can send beside joins: forged heartbeats, and questions for what machines install. */
import { createHash } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpRequest } from '@azure/functions';
import { openInstallation } from '../functions/installation.ts';
import { tool } from '../functions/tools.ts';
import { encodeBase64 } from '../shared/encoding/base64.ts';
import { decodePem } from '../shared/encoding/pem.ts';
import type { JoinAnswer } from '../shared/protocol/join.ts';
import { formatTimestamp } from '../shared/protocol/values.ts';
import { TOOLS } from '../shared/tools-file.ts';

/** As large as the agent is. */
const TOOL_BYTES = 1_800_000;

/** Heartbeats of an instance by somebody who has seen its certificates, as each of its TLS connections shows them. */
export function forgedHeartbeats({ instance_id: id, generation, certificates }: JoinAnswer) {
  const [leaf = new Uint8Array(), issuing = new Uint8Array()] =
    decodePem('CERTIFICATE', certificates[0]?.tls ?? '') ?? [];
  const forged = Buffer.from(leaf);
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  const heartbeat = JSON.stringify({
    instance: { id, generation },
    time: formatTimestamp(new Date()),
    version: '1.2.3',
    host: 'vm',
    os: 'Linux 6.8.0 x64',
    uptime_seconds: 61,
    outputs: [],
  });
  // A signature of its form, of nobody: r and s are 1.
  const proof = encodeBase64(Buffer.from('3006020101020101', 'hex'));
  const body = (first: Uint8Array): string =>
    JSON.stringify({ heartbeat, certificates: [first, issuing].map(encodeBase64), proof });
  return { certificateForged: body(forged), proofForged: body(leaf) };
}

/** Asks for the agent, as whoever has it already (`known`) or for the first time. */
export function askForTool(): (known: boolean) => Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  const bytes = Buffer.alloc(TOOL_BYTES, 'x');
  const hash = createHash('sha256').update(bytes).digest('hex');
  for (const name of TOOLS) writeFileSync(join(folder, name), bytes);
  const sha256 = Object.fromEntries(TOOLS.map((name) => [name, hash]));
  writeFileSync(join(folder, 'tools.json'), JSON.stringify({ version: '1.2.3', sha256 }));
  const { answerPlainly } = tool(openInstallation(() => folder));
  return async (known) => {
    const [name] = TOOLS;
    const { status = 200 } = await answerPlainly(
      new HttpRequest({
        method: 'GET',
        url: `https://bench.example.org/scripts/${name}`,
        params: { tool: name },
        headers: known ? { 'if-none-match': `"${hash}"` } : {},
      }),
    );
    if (status !== (known ? 304 : 200)) throw new Error(`unexpected answer: ${status}`);
  };
}
