/** docs/outputs.md: its configs are taken, and its tables say what is written. The programs run in test/scenarios. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../agent/command-line.ts';
import { readConfig } from '../../agent/config-file.ts';
import { FORMAT_NAMES, namesOf } from '../../agent/outputs/formats.ts';
import { OUTPUT_TYPES } from '../../agent/outputs/outputs.ts';
import { startSettings } from '../../agent/start-settings.ts';
import { codeBlocks } from './markdown.ts';

const text = readFileSync(new URL('../../docs/outputs.md', import.meta.url), 'utf8');

/** The row of a table that begins with this word in code. */
const rowOf = (name: string): string =>
  text.split('\n').find((line) => line.startsWith(`| \`${name}\``)) ?? '';

test.each(codeBlocks(text, 'yaml').map((config, position) => [position + 1, config] as const))(
  'its config %i is taken as it stands',
  (_, config) => {
    const command = parseCommandLine(['start']);
    if (command.name !== 'start') throw new Error('not the start command');
    const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1' };
    const surroundings = { env, readText: () => undefined };
    const settings = startSettings(command.flags, readConfig(config, 'joinbot.yaml'), surroundings);
    expect(settings.outputs.length).toBeGreaterThan(0);
  },
);

describe('its tables', () => {
  test.each(FORMAT_NAMES)("name the files of format %s, a bot's and a host's", (format) => {
    for (const isHost of [false, true]) {
      for (const name of namesOf([format], { isHost, pkcs12: {} }))
        expect(rowOf(format)).toContain(`\`${name}`);
    }
  });

  test('have all types', () => {
    for (const type of OUTPUT_TYPES)
      expect(text).toMatch(new RegExp(`^\\| [^|]*\`${type}\`[^|]*\\|`, 'm'));
  });
});
