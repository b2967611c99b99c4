/** A storage directory that is in two places is caught, whoever renews first (row G4). */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeSecret } from '../../broker/token-joiner.ts';
import { createSecretRig, type SecretRig } from '../secret-rig.ts';

const RENEWAL_SECONDS = 1200;

describe('a copied storage directory', () => {
  async function copied(): Promise<{ rig: SecretRig; copy: string }> {
    const rig = await createSecretRig();
    expect(await rig.once()).toBe(0);
    const copy = join(rig.folder, 'copy');
    await cp(rig.storage, copy, { recursive: true, verbatimSymlinks: true });
    rig.api.clock.advance(RENEWAL_SECONDS);
    return { rig, copy };
  }

  test.each([1, 2, 10])(
    'renews %i times, then the original is refused, and the instance locked',
    async (times) => {
      const { rig, copy } = await copied();
      for (let i = 0; i < times; i += 1) {
        expect(await rig.once(copy)).toBe(0);
        rig.api.clock.advance(120);
      }
      rig.api.clock.advance(310);
      expect(await rig.once()).toBe(1);
      const [instance] = await rig.instances();
      expect(await rig.locks()).toEqual([`lock!copied-${instance?.id}`]);
      expect(rig.output.join('')).toContain('joinctl joins show');
      expect(rig.output.at(-1)).toContain('the machine needs a new secret');
      expect(await rig.once(copy)).toBe(1);
    },
  );

  test('renews after the original, and is refused', async () => {
    const { rig, copy } = await copied();
    expect(await rig.once()).toBe(0);
    rig.api.clock.advance(310);
    expect(await rig.once(copy)).toBe(1);
    expect(await rig.locks()).toHaveLength(1);
    expect(await rig.once()).toBe(1);
  });

  test('renews just before the original: that one is refused, asks again later, and then both are caught', async () => {
    const { rig, copy } = await copied();
    expect(await rig.once(copy)).toBe(0);
    rig.api.clock.advance(100);
    expect(await rig.once()).toBe(1);
    expect(await rig.locks()).toEqual([]);
    rig.api.clock.advance(310);
    expect(await rig.once()).toBe(1);
    expect(await rig.locks()).toHaveLength(1);
  });

  test('does not lock another machine of the same bot', async () => {
    const { rig, copy } = await copied();
    const other = await makeSecret(rig.api, { name: 'other' });
    const directory = join(rig.folder, 'other');
    expect(await rig.once(directory, `--token=${other}`)).toBe(0);
    await rig.once(copy);
    rig.api.clock.advance(310);
    expect(await rig.once()).toBe(1);
    expect(await rig.once(directory, `--token=${other}`)).toBe(0);
  });
});
