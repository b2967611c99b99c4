/** Where a join's files go: checked before anything is asked for, each written whatever becomes of the others. */
import { checkDirectory } from './check-directory.ts';
import type { Effects } from './effects.ts';
import { Failure } from './failure.ts';
import { writeFileSet } from './file-set.ts';
import { writeOwnIdentity } from './identity-directory.ts';
import { type Instance, STATE_FILE } from './instance-state.ts';
import type { IssuedCertificate } from './issued-certificate.ts';
import type { Joined } from './join-answer.ts';
import { OWN, wishName } from './join-request.ts';
import { expectServiceAccount, sayName, writeSecret } from './kubernetes.ts';
import type { Material } from './outputs/output.ts';
import { admitReaders } from './readers.ts';
import { reloadProgram } from './reload.ts';
import type { AcceptedLists } from './revocation/accept-lists.ts';
import { KRL_FILE, keptLists } from './revocation/list-files.ts';
import { type ListPlace, listsIn, listsInSecret } from './revocation/list-places.ts';
import {
  type AgentSettings,
  type KubernetesSecret,
  type Output,
  type OutputDirectory,
  STORAGE_NAME,
} from './settings.ts';
import type { VerifiedTrust } from './trust-bundle.ts';
import { workloadApiAt } from './workload-api/destination.ts';
import { CERTIFICATE_RECORD } from './written-identity.ts';

export interface Destination extends ListPlace {
  /** Unlike any other's: `/readyz` calls it so. */
  readonly id: string;
  /** For a person: a path, or which secret. */
  readonly name: string;
  /** Its path, where it is one of this machine. */
  readonly directory?: string;
  /** Throws a `Failure` that says what is in the way. */
  readonly check: () => Promise<void>;
  readonly write: (held: Held) => Promise<void>;
  /** The name of the wish whose certificate goes there. */
  readonly wish: string;
  /** Whether an SSH certificate belongs to it. */
  readonly forSsh: boolean;
  /** Tells whoever uses the files that they changed. Never fails. */
  readonly reload?: () => Promise<void>;
  /** When the agent ends. */
  readonly close?: () => Promise<void>;
}

/** What the agent has: of the latest join, and of joins before it where an output was not due. */
export interface Held {
  readonly instance: Instance;
  readonly trust: VerifiedTrust;
  /** The agent's own. */
  readonly own: IssuedCertificate;
  /** All, by the names of their wishes. */
  readonly certificates: ReadonlyMap<string, IssuedCertificate>;
  /** What is revoked, where an output wants to know, and the broker has said so. */
  readonly lists?: AcceptedLists | undefined;
}

/** With what a join brought. */
export const heldAfter = (
  before: Held | undefined,
  { instance, trust, certificates }: Joined,
): Held => ({
  instance,
  trust,
  own: certificates[0],
  certificates: new Map([
    ...(before?.certificates ?? []),
    ...certificates.map((one) => [one.name, one] as const),
  ]),
  lists: before?.lists,
});

type Parts = Pick<Effects, 'clock' | 'programs' | 'imds' | 'log' | 'stop'>;

/** The agent's own directory first: losing it costs a fresh join. `isStored`: the joiner writes that one itself. */
export function destinationsOf(
  { storage, outputs, host }: Pick<AgentSettings, 'storage' | 'outputs' | 'host'>,
  isStored: boolean,
  effects: Parts,
): Destination[] {
  return [
    ...(storage.type === 'directory' ? [ownDirectory(storage.path, host, isStored, effects)] : []),
    ...outputs.map((output, position) => destinationOf(output, position, effects)),
  ];
}

function ownDirectory(
  path: string,
  host: AgentSettings['host'],
  isStored: boolean,
  effects: Parts,
): Destination {
  const lists = listsIn(path, host?.role === 'Node' ? [KRL_FILE] : [], undefined, effects);
  return {
    id: STORAGE_NAME,
    name: path,
    directory: path,
    check: () => checkDirectory(path, [STATE_FILE]),
    wish: OWN,
    forSsh: true,
    ...lists.place,
    write: async ({ instance, trust, own: certificate, lists: current }) => {
      const joined = { instance, trust, certificates: [certificate] } as const;
      // Who stores it himself has done so, and may have something newer there by now.
      if (isStored) await lists.place.amend?.(current);
      else await writeOwnIdentity(path, joined, effects.clock.now(), lists.files(current));
      lists.written(current);
    },
  };
}

function destinationOf(output: Output, position: number, effects: Parts): Destination {
  const { content, reload } = output;
  const wish = wishName(position);
  const material = ({ instance, trust, certificates }: Held): Material => {
    const certificate = certificates.get(wish);
    const owner = instance.bot ?? certificate?.names[0];
    if (!certificate || owner === undefined) throw new TypeError('there is one for each output');
    return { certificate, trust: trust.bundle, owner };
  };
  const place = placeOf(output.destination, content, material, effects);
  return {
    ...place,
    id: output.name,
    check: async () => {
      await content.check?.();
      await place.check();
    },
    wish,
    forSsh: content.forSsh ?? false,
    ...(reload && { reload: () => reloadProgram(reload, place.name, effects) }),
  };
}

type MaterialOf = (held: Held) => Material;
type Place = Pick<Destination, 'name' | 'directory' | 'check' | 'write' | 'close'> & ListPlace;

function placeOf(
  destination: Output['destination'],
  content: Output['content'],
  material: MaterialOf,
  effects: Parts,
): Place {
  if (destination.type === 'directory') return inDirectory(destination, content, material, effects);
  if (destination.type === 'kubernetes_secret')
    return inSecret(destination, content, material, effects);
  const { tell, ...place } = workloadApiAt(destination, effects);
  return { ...place, write: (held) => tell(material(held)) };
}

function inDirectory(
  directory: OutputDirectory,
  { names, files, ownerOnly = [], lists: listed = [] }: Output['content'],
  material: MaterialOf,
  effects: Parts,
): Place {
  const { path } = directory;
  const prepare = (version: string) =>
    admitReaders(path, version, { ...directory, ownerOnly }, effects.programs);
  const lists = listsIn(path, listed, prepare, effects);
  return {
    name: path,
    directory: path,
    check: () => checkDirectory(path, [...names, ...listed]),
    ...lists.place,
    write: async (held) => {
      const made = { ...material(held), directory: path };
      const record = [CERTIFICATE_RECORD, made.certificate.tls] as const;
      const set = new Map([...(await files(made)), record, ...lists.files(held.lists)]);
      await writeFileSet(path, set, effects.clock.now(), prepare, keptLists(listed));
      lists.written(held.lists);
    },
  };
}

function inSecret(
  secret: KubernetesSecret,
  { files, lists: listed = [] }: Output['content'],
  material: MaterialOf,
  effects: Parts,
): Place {
  const lists = listsInSecret(secret, listed, effects);
  return {
    name: sayName(secret),
    check: () => expectServiceAccount(secret),
    ...lists.place,
    write: async (held) => {
      await writeSecret(secret, await files(material(held)), effects);
      await lists.place.amend?.(held.lists);
    },
  };
}

/**
 * Throws a `Failure` where none of them can be written: then nothing is asked for. Those that can't be written while
 * others can are told of when their turn comes.
 */
export async function expectDestination(destinations: readonly Destination[]): Promise<void> {
  const problems: Failure[] = [];
  for (const { check } of destinations) {
    const problem = await failureOf(check());
    if (!problem) return;
    problems.push(problem);
  }
  if (problems.length > 0) throw together(problems);
}

/** Those that could not be written, and why. */
export async function writeDestinations(
  destinations: readonly Destination[],
  held: Held,
  { log }: Pick<Effects, 'log'>,
): Promise<{ readonly unwritten: readonly Destination[]; readonly failure: Failure | undefined }> {
  const unwritten: Destination[] = [];
  const problems: Failure[] = [];
  for (const destination of destinations) {
    const problem = await failureOf(destination.write(held));
    if (problem) {
      unwritten.push(destination);
      problems.push(problem);
      continue;
    }
    const { name, wish, forSsh, reload } = destination;
    log.info(`wrote ${name}`);
    const { ssh, sshAbsent } = held.certificates.get(wish) ?? {};
    if (forSsh && ssh === undefined) {
      const why = sshAbsent ?? 'the roles have no login';
      log.info(`there is no SSH certificate in ${name}: ${why}`);
    }
    await reload?.();
  }
  return { unwritten, failure: problems.length > 0 ? together(problems) : undefined };
}

/** Brings what the lists say now to whoever wants to know. A failure is said in the log, and tried again the next time. */
export async function amendDestinations(
  destinations: readonly Destination[],
  lists: AcceptedLists | undefined,
  { log }: Pick<Effects, 'log'>,
): Promise<void> {
  for (const { name, amend, reload } of destinations) {
    try {
      if (!(await amend?.(lists))) continue;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      log.error(`the revocation lists in ${name} are not written: ${error.message}`);
      continue;
    }
    log.info(`wrote the revocation lists in ${name}`);
    await reload?.();
  }
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
