/** What the doctor says of places that are no directories, and of the disk; doctor.test.ts has it whole. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { directoryChecks, roomFindings } from '../../../agent/doctor/directory-checks.ts';
import { findingsOf, lineOf } from '../../../agent/doctor/finding.ts';
import type { Effects } from '../../../agent/effects.ts';
import type { AgentSettings, Output } from '../../../agent/settings.ts';
import { createClock } from '../clock.ts';
import { temporaryFolder } from '../folder.ts';
import { noPrograms } from '../machine-programs.ts';

async function linesFor(destinations: readonly Output['destination'][]): Promise<string> {
  const content = { names: ['a'], files: () => new Map() };
  const outputs = destinations.map((destination) => ({ name: 'a', destination, content }));
  const settings = { storage: { type: 'memory' }, outputs } as unknown as AgentSettings;
  const effects = { clock: createClock(), programs: noPrograms() } as unknown as Effects;
  let lines = '';
  for (const { what, look } of directoryChecks(settings, effects))
    for (const finding of await findingsOf(look)) lines += lineOf(what, finding);
  return lines;
}

test('nothing is written where there is no place to write to', async () => {
  expect(await linesFor([])).toBe(
    'WARNING  files      nothing is written: there are no directories\n',
  );
});

test('what is no directory shows whether it can be written when it is', async () => {
  const path = join(await temporaryFolder(), 'w.sock');
  expect(await linesFor([{ type: 'workload_api', path, mode: 0o600 }])).toBe(
    `ok       files      unix://${path} can be asked for; whether it can be written shows when it is\n`,
  );
});

test('all readers are named, and none where there are none', async () => {
  const path = await temporaryFolder();
  const [readers, more] = [
    [{ kind: 'user', name: 'a' } as const, { kind: 'group', name: 'b' } as const],
    [{ kind: 'user', name: 'c' } as const],
  ];
  const well = `ok       files      ${path} can be written; there is no certificate in it yet\n`;
  expect(await linesFor([{ type: 'directory', path }])).toBe(well);
  expect(
    await linesFor([
      { type: 'directory', path, readers },
      { type: 'directory', path, readers: more },
    ]),
  ).toBe(`${well}${well}ok       readers    user a, group b, user c exist\n`);
});

test('a disk with less than 16 MiB is nearly full', () => {
  const most = 16 * 1024 * 1024;
  expect(roomFindings('/a', most)).toEqual([]);
  expect(roomFindings('/a', most - 1)).toEqual([
    { verdict: 'warning', said: '/a: only 16383 KiB are free' },
  ]);
});
