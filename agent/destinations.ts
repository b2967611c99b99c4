/** The directories that a join's files go to: checked before anything is asked for, each written whatever becomes of the others. */
import { checkDirectory } from './check-directory.ts';
import type { Clock, Effects } from './effects.ts';
import { Failure } from './failure.ts';
import { writeIdentity, writeOwnIdentity } from './identity-directory.ts';
import { IDENTITY_FILES } from './identity-files.ts';
import { STATE_FILE } from './instance-state.ts';
import type { IssuedCertificate } from './issued-certificate.ts';
import type { Joined } from './join-answer.ts';
import type { AgentSettings } from './settings.ts';

export interface Destination {
  readonly path: string;
  /** Names that joinbot writes there; nobody else's files may have them. */
  readonly names: readonly string[];
  readonly certificate: (joined: Joined) => IssuedCertificate | undefined;
  readonly write: (joined: Joined) => Promise<void>;
}

/** The agent's own directory first: losing it costs a fresh join. `isStored`: the joiner writes that one itself. */
export function destinationsOf(
  { storage, outputs }: Pick<AgentSettings, 'storage' | 'outputs'>,
  isStored: boolean,
  clock: Pick<Clock, 'now'>,
): Destination[] {
  const own = (path: string): Destination => ({
    path,
    names: [STATE_FILE],
    certificate: ({ certificates: [first] }) => first,
    write: async (joined) => {
      if (!isStored) await writeOwnIdentity(path, joined, clock.now());
    },
  });
  const output = (path: string, position: number): Destination => {
    const certificate = ({ certificates }: Joined): IssuedCertificate | undefined =>
      certificates[position + 1];
    return {
      path,
      names: IDENTITY_FILES,
      certificate,
      write: async (joined) => {
        const granted = certificate(joined);
        const { bot } = joined.instance;
        if (!granted || bot === undefined) throw new TypeError('a bot gets one for each output');
        await writeIdentity(path, bot, granted, joined.trust.bundle, clock.now());
      },
    };
  };
  return [
    ...(storage.type === 'directory' ? [own(storage.path)] : []),
    ...outputs.map(({ path }, position) => output(path, position)),
  ];
}

/**
 * Throws a `Failure` where none of them can be written: then nothing is asked for. Those that can't be written while
 * others can are told of when their turn comes.
 */
export async function expectDestination(destinations: readonly Destination[]): Promise<void> {
  const problems: Failure[] = [];
  for (const { path, names } of destinations) {
    const problem = await failureOf(checkDirectory(path, names));
    if (!problem) return;
    problems.push(problem);
  }
  if (problems.length > 0) throw together(problems);
}

/** Those that could not be written, and why. */
export async function writeDestinations(
  destinations: readonly Destination[],
  joined: Joined,
  { log }: Pick<Effects, 'log'>,
): Promise<{ readonly unwritten: readonly Destination[]; readonly failure: Failure | undefined }> {
  const unwritten: Destination[] = [];
  const problems: Failure[] = [];
  for (const destination of destinations) {
    const problem = await failureOf(destination.write(joined));
    if (problem) {
      unwritten.push(destination);
      problems.push(problem);
      continue;
    }
    const { path } = destination;
    log.info(`wrote ${path}`);
    const { ssh, sshAbsent } = destination.certificate(joined) ?? {};
    if (ssh === undefined) {
      log.info(`there is no SSH certificate in ${path}: ${sshAbsent ?? 'the roles have no login'}`);
    }
  }
  return { unwritten, failure: problems.length > 0 ? together(problems) : undefined };
}

async function failureOf(work: Promise<void>): Promise<Failure | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

const together = (problems: readonly Failure[]): Failure =>
  new Failure('files', problems.map(({ message }) => message).join('; '));
