/** `diag_addr`: what probes are told. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
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

describe('diag_addr', () => {
  test('answers that the agent lives and is ready', async () => {
    expect(await probes(await createRig())).toEqual({
      '/livez': 200,
      '/readyz': 200,
      '/': 404,
      '/readyz?x': 404,
    });
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
