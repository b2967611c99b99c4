/** The directories that certificates go to: whether they can be written, who may read them, and what is in them now. */
import { statfs } from 'node:fs/promises';
import { formatTimestamp } from '../../shared/protocol/values.ts';
import { nearestThere, openPlaces } from '../check-directory.ts';
import { destinationsOf } from '../destinations.ts';
import type { Effects } from '../effects.ts';
import { expectReaders, readersOf } from '../readers.ts';
import type { AgentSettings } from '../settings.ts';
import { isGood, writtenIdentity } from '../written-identity.ts';
import { type Check, type Finding, ok, problem, warning } from './finding.ts';

/** Two versions of every file, and room for whoever else writes. */
const LEAST_FREE_BYTES = 16 * 1024 * 1024;

export function directoryChecks(settings: AgentSettings, effects: Effects): readonly Check[] {
  const destinations = destinationsOf(settings, false, effects);
  if (destinations.length === 0)
    return [
      { what: 'files', look: async () => warning('nothing is written: there are no directories') },
    ];
  return [
    ...destinations.map(({ name, directory, check }) => ({
      what: 'files',
      look: async () => {
        await check();
        return directory === undefined
          ? [ok(`${name} can be asked for; whether it can be written shows when it is`)]
          : [
              ...roomFindings(directory, await freeBytes(directory)),
              await identityFinding(directory, effects.clock.now()),
            ];
      },
    })),
    {
      what: 'files',
      look: async () =>
        (await openPlaces(settings)).map((path) =>
          warning(`everybody on this machine may replace what is written to ${path}: chmod o-w`),
        ),
    },
    {
      what: 'readers',
      look: async () => {
        await expectReaders(settings.outputs, effects.programs);
        const readers = settings.outputs.flatMap(readersOf);
        return readers.length === 0
          ? []
          : ok(`${readers.map(({ kind, name }) => `${kind} ${name}`).join(', ')} exist`);
      },
    },
  ];
}

/** Of the file system that the directory is on, or will be. */
async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(await nearestThere(path));
  return bavail * bsize;
}

export const roomFindings = (path: string, free: number): readonly Finding[] =>
  free < LEAST_FREE_BYTES ? [warning(`${path}: only ${Math.floor(free / 1024)} KiB are free`)] : [];

async function identityFinding(path: string, now: Date): Promise<Finding> {
  const identity = await writtenIdentity(path);
  if (!identity) return ok(`${path} can be written; there is no certificate in it yet`);
  const until = formatTimestamp(identity.tls.validToDate);
  return isGood(identity, now)
    ? ok(`${path} can be written; its certificate is good until ${until}`)
    : problem(
        `${path} can be written, but its certificate was good until ${until}: does joinbot run?`,
      );
}
