/** `diag_addr`: what probes are told. */
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { VERSION } from '../../shared/protocol/version.ts';
import { problemAnswer } from './fake-broker.ts';
import { createRig, guideConfig, type Rig } from './rig.ts';

/** The status of each probe, asked while the agent waits for the first time. */
async function probes(rig: Rig, more = ''): Promise<Record<string, number>> {
  const answers: Record<string, number> = {};
  const sleep = rig.clock.sleep;
  rig.clock.sleep = async (ms, signal) => {
    const port = /answered at 127\.0\.0\.1:(\d+)/.exec(rig.output.join(''))?.[1];
    for (const path of ['/livez', '/readyz', '/', '/readyz?x']) {
      answers[path] = (await fetch(`http://127.0.0.1:${port}${path}`)).status;
    }
    rig.stop.abort();
    await sleep(ms, signal);
  };
  expect(await rig.start(guideConfig(`diag_addr: 127.0.0.1:0\n${more}`))).toBe(0);
  return answers;
}

/** What each path answers while the agent waits, time after time until it has waited this often. */
async function answers(
  rig: Rig,
  config: string,
  paths: readonly string[],
  waits = 1,
): Promise<Record<string, unknown>[]> {
  const told: Record<string, unknown>[] = [];
  const { sleep } = rig.clock;
  rig.clock.sleep = async (ms, signal) => {
    const port = /answered at 127\.0\.0\.1:(\d+)/.exec(rig.output.join(''))?.[1];
    const round: Record<string, unknown> = {};
    for (const path of paths) {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`);
      const isJson = answer.headers.get('content-type') === 'application/json';
      round[path] = [answer.status, isJson ? await answer.json() : await answer.text()];
    }
    told.push(round);
    if (told.length === waits) rig.stop.abort();
    await sleep(ms, signal);
  };
  expect(await rig.start(guideConfig(`diag_addr: 127.0.0.1:0\n${config}`))).toBe(0);
  return told;
}

describe('/readyz of each output', () => {
  const expires = '2026-11-20T20:05:00Z';

  test('tells which one has nothing, by its name or its type and number', async () => {
    const rig = await createRig();
    await writeFile(`${rig.folder}/taken`, '');
    const config = `storage: {type: directory, path: ${rig.folder}/bot}
outputs:
  - {type: identity, destination: {type: directory, path: ${rig.folder}/out}}
  - {type: tls, name: web+1, destination: {type: directory, path: ${rig.folder}/taken/x}}
  - {type: tls, destination: {type: memory}}
services: [{type: spiffe, destination: {type: directory, path: ${rig.folder}/svid}}]
`;
    const paths = ['/readyz', '/readyz/storage', '/readyz/identity-1', '/readyz/web+1'];
    const others = ['/readyz/spiffe-4', '/readyz/tls-3', '/readyz/', '/readyz/web%2B1'];
    const [first] = await answers(rig, config, [...paths, ...others]);
    const good = { status: 'healthy', expires };
    const reason = 'the newest certificate is not written: the log says why';
    const bad = { status: 'unhealthy', reason, expires };
    expect(first).toEqual({
      '/readyz': [
        503,
        {
          status: 'unhealthy',
          outputs: { storage: good, 'identity-1': good, 'web+1': bad, 'spiffe-4': good },
        },
      ],
      '/readyz/storage': [200, good],
      '/readyz/identity-1': [200, good],
      '/readyz/web+1': [503, bad],
      '/readyz/spiffe-4': [200, good],
      '/readyz/tls-3': [404, 'there is no output of this name: /readyz has all\n'],
      '/readyz/': [404, 'expected /livez, /readyz, /readyz/<output> or /metrics\n'],
      '/readyz/web%2B1': [404, 'expected /livez, /readyz, /readyz/<output> or /metrics\n'],
    });
  });

  test('tells that there was no join yet, and that a certificate is over', async () => {
    const rig = await createRig();
    const denied = () => problemAnswer('access_denied');
    rig.broker.next['/v1/join'].push(denied);
    const config = `outputs: [{type: tls, destination: {type: directory, path: ${rig.folder}/out}}]\n`;
    const told: unknown[] = [];
    const { sleep } = rig.clock;
    let waits = 0;
    rig.clock.sleep = async (ms, signal) => {
      const port = /answered at 127\.0\.0\.1:(\d+)/.exec(rig.output.join(''))?.[1];
      waits += 1;
      // The machine sleeps for longer than the certificate lives, and is asked before the agent is awake.
      if (waits === 2) await sleep(7200_000, new AbortController().signal);
      told.push(await (await fetch(`http://127.0.0.1:${port}/readyz/tls-1`)).json());
      if (waits === 2) rig.stop.abort();
      await sleep(ms, signal);
    };
    expect(await rig.start(guideConfig(`diag_addr: 127.0.0.1:0\n${config}`))).toBe(0);
    expect(told).toEqual([
      { status: 'unhealthy', reason: 'there was no join yet' },
      { status: 'unhealthy', reason: 'the certificate is over', expires: expect.any(String) },
    ]);
  });

  test.each([
    [
      'name: a, ',
      'name: a, ',
      'outputs[1].name: expected a name that nothing else has, got a twice',
    ],
    [
      '',
      'name: tls-1, ',
      'outputs[1].name: expected a name that nothing else has, got tls-1 twice',
    ],
    ['name: tls-2, ', '', 'outputs[1]: expected a name that nothing else has, got tls-2 twice'],
    [
      'name: storage, ',
      '',
      "outputs[0].name: expected a name that nothing else has, got storage, which is the agent's own directory",
    ],
    ['name: a/b, ', '', 'outputs[0].name: expected a name of at most 64 letters, digits, dots'],
  ])('two outputs with "%s" and "%s" are refused', async (first, second, said) => {
    const rig = await createRig();
    const output = (name: string, path: string) =>
      `{type: tls, ${name}destination: {type: directory, path: ${path}}}`;
    const config = `outputs: [${output(first, '/a')}, ${output(second, '/b')}]\n`;
    expect(await rig.start(guideConfig(config))).toBe(1);
    expect(rig.output.at(-1)).toContain(said);
  });
});

describe('diag_addr', () => {
  test('answers that the agent lives and is ready', async () => {
    expect(await probes(await createRig())).toEqual({
      '/livez': 200,
      '/readyz': 200,
      '/': 404,
      '/readyz?x': 404,
    });
  });

  test('answers how it is in the form of Prometheus, each place by itself', async () => {
    const rig = await createRig();
    const output = (path: string) =>
      `{type: identity, destination: {type: directory, path: ${path}}}`;
    const [good, bad] = [`${rig.folder}/out`, `${rig.folder}/taken/x`];
    await writeFile(`${rig.folder}/taken`, '');
    let text = '';
    const { sleep } = rig.clock;
    rig.clock.sleep = async (ms, signal) => {
      const port = /answered at 127\.0\.0\.1:(\d+)/.exec(rig.output.join(''))?.[1];
      const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
      expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4');
      text = await answer.text();
      rig.stop.abort();
      await sleep(ms, signal);
    };
    const outputs = `outputs: [${output(good)}, ${output(bad)}]\n`;
    expect(await rig.start(guideConfig(`diag_addr: 127.0.0.1:0\n${outputs}`))).toBe(0);
    const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(samples).toEqual([
      `joinbot_info{version="${VERSION}"} 1`,
      'joinbot_ready 0',
      'joinbot_renewals_total{result="done"} 0',
      'joinbot_renewals_total{result="failed"} 1',
      'joinbot_last_renewal_timestamp_seconds 1795201500',
      'joinbot_next_renewal_timestamp_seconds 1795202700',
      `joinbot_written{place="${good}"} 1`,
      `joinbot_written{place="${bad}"} 0`,
      `joinbot_certificate_expiry_timestamp_seconds{place="${good}"} 1795205100`,
      `joinbot_certificate_expiry_timestamp_seconds{place="${bad}"} 1795205100`,
    ]);
    expect(text.match(/^# TYPE joinbot_\w+ (?:gauge|counter)$/gm)).toHaveLength(9);
  });

  test('answers that it is not ready before its first join', async () => {
    const rig = await createRig();
    rig.broker.next['/v1/join'].push(() => problemAnswer('access_denied'));
    expect(await probes(rig)).toMatchObject({ '/livez': 200, '/readyz': 503 });
  });

  test('answers that it is not ready while an output has nothing', async () => {
    const rig = await createRig();
    const output = (path: string) =>
      `{type: identity, destination: {type: directory, path: ${path}}}`;
    const outputs = `outputs: [${output('/dev/null/x')}, ${output(`${rig.folder}/out`)}]\n`;
    expect(await probes(rig, outputs.replace('/dev/null/x', '/etc/hostname/x'))).toMatchObject({
      '/readyz': 503,
    });
  });

  test('that is taken is only warned of', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const rig = await createRig();
    rig.stopAfterWaits(1);
    expect(await rig.start(guideConfig(`diag_addr: 127.0.0.1:${port}\n`))).toBe(0);
    expect(rig.broker.joins).toHaveLength(1);
    expect(rig.output.join('')).toContain(
      `WARN  diag_addr: nobody can ask at 127.0.0.1:${port} (EADDRINUSE)`,
    );
  });

  test.each(['x', '127.0.0.1', ':70000', 'a b:1', 'unix:///x'])('refuses %s', async (address) => {
    const rig = await createRig();
    expect(await rig.start(guideConfig(`diag_addr: "${address}"\n`))).toBe(1);
    expect(rig.output.at(-1)).toContain('diag_addr: expected host:port such as 127.0.0.1:3001');
  });
});
