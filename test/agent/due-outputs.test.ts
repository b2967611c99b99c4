/** Outputs that are still good are left alone: a join asks for what is due, and the limits of an instance are never met. */
import { readFileSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { NOON } from '../broker/test-broker.ts';
import { createRig, guideConfig, type Rig } from './rig.ts';
import { createSecretRig, pendingFiles } from './secret-rig.ts';

const config = (folder: string, top: string, outputs: readonly string[]): string =>
  `${top}\nstorage: {type: directory, path: ${join(folder, 'bot')}}\noutputs:\n${outputs
    .map((more, i) => {
      const path = join(folder, `out-${i + 1}`);
      return `  - {type: identity, destination: {type: directory, path: ${path}}${more}}\n`;
    })
    .join('')}`;

const asked = (rig: Rig): string[] =>
  rig.broker.joins.map(({ request }) => request.certificates.map(({ name }) => name).join(' '));

describe('a join asks for', () => {
  test("the agent's own certificate, and for outputs once a third of their life is over", async () => {
    const rig = await createRig();
    rig.stopAfterWaits(7);
    const outputs = ['', ', credential_ttl: 3h', ', credential_ttl: 2h, renewal_interval: 40m'];
    expect(await rig.start(guideConfig(config(rig.folder, '', outputs)))).toBe(0);
    const all = 'identity output-1 output-2 output-3';
    expect(asked(rig)).toEqual([
      all,
      'identity output-1',
      'identity output-1 output-3',
      'identity output-1 output-2',
      'identity output-1 output-3',
      'identity output-1',
      all,
    ]);
    expect(rig.clock.sleeps).toEqual(Array(7).fill(1_200_000));
  });

  test('everything, when the agent is told to renew now, and after a restart', async () => {
    const rig = await createRig();
    const text = guideConfig(config(rig.folder, '', [', credential_ttl: 24h']));
    rig.clock.onSleep = () => {
      if (rig.broker.joins.length === 2) rig.renewNow();
      if (rig.broker.joins.length !== 3) return;
      rig.stop.abort();
      rig.renewNow();
    };
    expect(await rig.start(text)).toBe(0);
    expect(asked(rig)).toEqual(['identity output-1', 'identity', 'identity output-1']);
    expect(await rig.start(text, '--oneshot')).toBe(0);
    expect(asked(rig).at(-1)).toBe('identity output-1');
  });

  test('an output within half of the life that it was granted', async () => {
    const rig = await createRig();
    rig.stopAfterWaits(4);
    const outputs = [', credential_ttl: 2h, renewal_interval: 100m'];
    expect(await rig.start(guideConfig(config(rig.folder, '', outputs)))).toBe(0);
    expect(asked(rig)).toEqual(['identity output-1', 'identity', 'identity', 'identity output-1']);
  });
});

describe('an output that is not due', () => {
  /** Runs until so many joins were made; `meanwhile` is called before each wait. */
  async function runFor(rig: Rig, joins: number, meanwhile: () => void = () => undefined) {
    rig.clock.onSleep = () => {
      meanwhile();
      if (rig.broker.joins.length < joins) return;
      rig.stop.abort();
      rig.renewNow();
    };
    const text = guideConfig(config(rig.folder, '', [', credential_ttl: 24h']));
    expect(await rig.start(text)).toBe(0);
  }
  const timesWritten = (rig: Rig, path: string): number =>
    rig.output.join('').split(`wrote ${path}\n`).length - 1;

  test('keeps its files', async () => {
    const rig = await createRig();
    await runFor(rig, 5);
    expect(asked(rig).slice(1)).toEqual(Array(4).fill('identity'));
    expect(timesWritten(rig, join(rig.folder, 'out-1'))).toBe(1);
    expect(timesWritten(rig, join(rig.folder, 'bot'))).toBe(5);
  });

  test('gets a newer trust bundle all the same, with the certificate and key that it has', async () => {
    const rig = await createRig();
    const out = join(rig.folder, 'out-1');
    const before: string[] = [];
    const { authorities } = rig.broker;
    await runFor(rig, 3, () => {
      if (before.length === 0) before.push(readFileSync(join(out, 'tlscert'), 'utf8'));
      if (rig.broker.joins.length === 2)
        rig.broker.authoritiesOfTrust = { ...authorities, version: authorities.version + 1 };
    });
    expect(asked(rig).slice(1)).toEqual(['identity', 'identity']);
    expect(timesWritten(rig, out)).toBe(2);
    expect(readFileSync(join(out, 'tlscert'), 'utf8')).toBe(before[0]);
  });

  test('and could not be written is written with the next round', async () => {
    const rig = await createRig();
    const out = join(rig.folder, 'out-1');
    await mkdir(join(out, 'key'), { recursive: true });
    let waits = 0;
    await runFor(rig, 2, () => {
      waits += 1;
      if (waits === 2) rmSync(join(out, 'key'), { recursive: true });
    });
    expect(asked(rig)).toEqual(['identity output-1', 'identity']);
    expect(timesWritten(rig, out)).toBe(1);
  });
});

/** After the first life there are as many at once as there ever will be: renewal-plan.test.ts goes on for days. */
test('six outputs that live for 24 h, every 20 minutes for longer than that, beside the real broker: every join is admitted', async () => {
  const rig = await createSecretRig();
  const file = join(rig.folder, 'joinbot.yaml');
  const top = 'version: v2\ncertificate_ttl: 24h\nrenewal_interval: 20m';
  const text = config(rig.folder, top, Array(6).fill(''));
  await writeFile(file, text.replace(/^storage.*$/m, ''));
  rig.onSleep = () => {
    if (rig.api.clock.now().getTime() - NOON.getTime() >= 25 * 3_600_000) rig.stop();
  };
  expect(await rig.start('-c', file)).toBe(0);
  const [instance] = await rig.instances();
  // 72 of the agent's own, and four of each output, at the very most.
  expect(instance?.serials.length).toBeLessThanOrEqual(72 + 6 * 4);
  expect(instance?.generation).toBe(rig.sent.length);
  expect(instance?.generation).toBeGreaterThan(72);
  expect(rig.output.join('')).not.toMatch(/ERROR|trying again/);
  expect(await pendingFiles(rig.storage)).toEqual([]);
});
