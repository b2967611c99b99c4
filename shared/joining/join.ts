/**
 * A join, step by step: cheap and local checks first; nothing fetches, writes or looks a name up for a caller who has
 * proved nothing yet. Read it beside "A join, step by step" in docs/design.md.
 */
import type { Authorities } from '../authority/authorities.ts';
import type { Keyring } from '../authority/keyring.ts';
import { randomSerialNumber } from '../authority/tls-certificate.ts';
import { type JoinBody, type JoinRequest, joinRequest, requestDigest } from '../protocol/join.ts';
import { STRANGERS } from '../protocol/json.ts';
import { parseJsonWith } from '../protocol/schema.ts';
import { parseTimestamp } from '../protocol/values.ts';
import { badInput, denied, Refusal } from '../refusal.ts';
import type { Naming } from '../resources/host-names.ts';
import type { JoinToken } from '../resources/join-token.ts';
import type { Lock } from '../resources/lock.ts';
import type { HostNameStore } from '../storage/host-names.ts';
import type { Instances, KeptFacts } from '../storage/instances.ts';
import type { Machines } from '../storage/machines.ts';
import type { Resources, Snapshot } from '../storage/resources.ts';
import type { Revocations } from '../storage/revoked.ts';
import { checkLocks, findJoinToken } from './admission.ts';
import type { Caller } from './caller.ts';
import { checkPossession, readCertificateKeys } from './certificate-keys.ts';
import { claimNames } from './claim-names.ts';
import { claimPlace } from './claim-place.ts';
import { lockCopied } from './copied-identity.ts';
import { unixSeconds } from './instance-record.ts';
import { answerBefore, issueAndRecord, type Joined } from './issue-and-record.ts';
import type { JoinMethod, ProvedRequest } from './methods/method.ts';
import { checkOnlyEvidenceOf, type JoinMethods } from './methods/methods.ts';
import type { Lifetime } from './owners/lifetime.ts';
import { ownerOf } from './owners/owners.ts';
import { findRenewing } from './renewing.ts';
import type { Report } from './report.ts';

export interface JoinParts {
  readonly cluster: string;
  readonly naming: Naming;
  /** Where everybody finds lists of what is revoked, for certificates to say. */
  readonly crlAddress?: string | undefined;
  readonly defaultSeconds: number;
  readonly maxSeconds: number;
  readonly methods: JoinMethods;
  readonly keyring: Keyring;
  readonly resources: Resources;
  readonly instances: Instances;
  readonly names: HostNameStore;
  readonly machines: Machines;
  /** Told of a lock that this join has brought about. */
  readonly onLocked: (lock: Lock) => Promise<void>;
  readonly revocations: Pick<Revocations, 'expectMachine' | 'keepOne'>;
  /** The prober asks: what it forged is examined, although no join token is for it. */
  readonly probing?: boolean;
  readonly now: () => Date;
}

/** Well below the minute after which a lock's search for certificates is over. */
const MOST_WRITING_MS = 30_000;

/** Decides on one join. Throws a `Refusal`. */
export async function join(
  body: JoinBody,
  parts: JoinParts,
  caller: Caller,
  report: Report,
): Promise<Joined> {
  const request = parseRequest(body.request);
  report({
    join_token: request.token,
    join_method: request.join_method,
    system_role: request.role,
  });
  if (request.broker !== parts.cluster)
    throw denied('other_broker', `the request is for broker ${request.broker}`);
  checkOnlyEvidenceOf(request.join_method, body);
  return parts.methods.by(request.join_method, (method) =>
    joinBy(method, body, request, parts, caller, report),
  );
}

async function joinBy<Examined, Facts extends KeptFacts>(
  method: JoinMethod<Examined, Facts>,
  body: JoinBody,
  request: JoinRequest,
  parts: JoinParts,
  caller: Caller,
  report: Report,
): Promise<Joined> {
  const at = parts.now();
  const digest = requestDigest(body.request);
  const limits = method.freshSeconds === undefined ? 'first join' : 'every join';

  // What can be checked here: nobody is asked.
  if (!method.provesLocally) caller.countQuestion(at);
  const known = parts.resources.known(request.token);
  const proved = {
    request,
    digest,
    joinToken: known && !parts.probing ? findJoinToken(request, known, at, limits) : undefined,
    resources: parts.resources.latest(),
    at,
  };
  const first = await examine(method, body, proved, parts, report);
  const proving = method.machineOf(first);
  if (proving !== undefined) caller.countMachine(proving, at);
  const before = await parts.resources.snapshotWith(request.token);
  const joinToken = findJoinToken(request, before, at, limits);
  const { bot_name: bot } = joinToken.spec;
  report({ join_token: joinToken.metadata.name, ...(bot !== undefined && { bot }) });
  const examined = trusted(method, first, body, { ...proved, resources: before }, report);
  method.checkCouldMatch(examined, joinToken, report);
  const keys = readCertificateKeys(request.certificates);

  // What has to be asked.
  const { key: owner } = ownerOf(request, joinToken, before, parts.naming, at);
  const renewing = await findRenewing(body, request, {
    joinToken,
    owner,
    digest,
    askedKey: keys[0]?.tlsKey.der,
    mayBe: (kept) => method.mayBe(examined, kept),
    keyIsAllProof: method.freshSeconds === undefined,
    instances: parts.instances,
    at,
  });
  if (renewing.kind === 'copied') {
    report({ known: true, instance_id: renewing.instance.id });
    const { lock, isNew } = await lockCopied(
      renewing.instance,
      parts.resources,
      parts.revocations,
      at,
    );
    if (isNew) await parts.onLocked(lock);
    throw denied('copied_identity', 'an older key of the instance is in use: it is locked', {
      lock: lock.metadata.name,
    });
  }
  const stored = renewing.kind === 'renewal' ? renewing.stored : undefined;
  if (stored) report({ known: true });
  const facts = await method.prove(examined, joinToken, stored?.instance.machine, report);
  // Sixteen signatures are checked for machines that are what they say.
  checkPossession(keys);

  const authorities = await parts.keyring.authorities();

  // What decides is read after the last wait.
  const snapshot = await parts.resources.snapshot();
  const decidedAt = parts.now();
  const instanceId = request.instance?.id ?? method.firstInstanceId(proved);
  const decide = (resources: Snapshot) => {
    const token = findJoinToken(request, resources, at, limits);
    const whose = ownerOf(request, token, resources, parts.naming, at);
    if (whose.bot !== undefined) report({ bot: whose.bot });
    const subject = { join_token: token.metadata.name, instance: instanceId };
    method.checkTrusted(examined, resources, at);
    checkLocks({ ...subject, ...whose.lockTargets, ...method.lockTargets(facts) }, resources, at);
    method.decide(facts, token, report);
    const lifetime = lifetimeOf(token, limits, authorities, parts, at);
    const grant = (names: readonly string[]) =>
      request.certificates.map((wish, i) =>
        whose.grant(wish, `request.certificates[${i}]`, lifetime, names),
      );
    return { token, whose, grant };
  };
  const { token, whose, grant } = decide(snapshot);
  report({ known: true });
  const host = method.hostOf(facts, instanceId);
  const names = whose.namesOf(host.facts);
  let grants = grant(names);
  const mine = { owner: whose.key, instanceId, digest, at };
  // Who comes with a request or secret that was used gets no name that was freed since.
  if (!stored && names.length > 0) {
    const used = await parts.instances.read(whose.key, instanceId);
    answerBefore(used, mine, method.usedReason, false, report);
  }
  const { machine, incarnation } = host;
  const holder = { machine, incarnation, owner: whose.key, instance: instanceId };
  const added = await claimNames(names, holder, parts, at, report);
  const giveBack = (): Promise<void> => parts.names.giveBack(added, holder);
  try {
    if (!stored && method.joinsOften) {
      const { max_machines: limit } = token.spec;
      await claimPlace({ ...holder, joinToken: token.metadata.name, limit, at }, parts, report);
    }
    // Names and places were written since: a lock may have come, or a role may have less. For five seconds nobody is asked.
    const newest = await parts.resources.snapshot();
    if (newest !== snapshot) {
      const again = decide(newest);
      const sameNames = again.whose.namesOf(host.facts).join() === names.join();
      if (again.whose.key !== whose.key || !sameNames)
        throw new Refusal('try_again', 'the join token was changed meanwhile: try again');
      grants = again.grant(names);
    }
    // What took long may have missed the lock's search for it.
    if (parts.now().getTime() - decidedAt.getTime() > MOST_WRITING_MS)
      throw new Refusal('try_again', 'the broker was too slow: try again', { retryAfter: 1 });
  } catch (error) {
    await giveBack();
    throw error;
  }

  const decided = {
    ...mine,
    role: request.role,
    joinToken: token.metadata.name,
    keys,
    certificates: grants.map(({ expires }, i) => ({
      name: keys[i]?.wish.name ?? '',
      serial: Buffer.from(randomSerialNumber()).toString('hex'),
      issued: unixSeconds(at),
      expires: unixSeconds(expires),
    })),
    machine: facts,
    names,
    freshSeconds: method.freshSeconds,
    keptUntil: limits === 'first join' ? endOf(token) : 0,
  };
  // Where an operator has removed the instance and freed its names meanwhile, they stay free.
  return issueAndRecord(
    decided,
    grants,
    stored,
    method.usedReason,
    authorities,
    parts,
    report,
    giveBack,
  );
}

/** Examines evidence once more, where an operator may have changed a moment ago what it rests on: at most once per cooldown. */
async function examine<Examined, Facts extends KeptFacts>(
  method: JoinMethod<Examined, Facts>,
  body: JoinBody,
  proved: ProvedRequest,
  { resources }: JoinParts,
  report: Report,
): Promise<Examined> {
  try {
    return method.examine(body, proved, report);
  } catch (error) {
    if (!(error instanceof Refusal && error.newerMayHelp)) throw error;
    const newest = await resources.newest();
    if (newest === proved.resources) throw error;
    return method.examine(body, { ...proved, resources: newest }, report);
  }
}

/** What was examined, if it is trusted now. What rested on resources of a moment ago may rest on something else as well. */
function trusted<Examined, Facts extends KeptFacts>(
  method: JoinMethod<Examined, Facts>,
  examined: Examined,
  body: JoinBody,
  proved: ProvedRequest & { readonly resources: Snapshot },
  report: Report,
): Examined {
  try {
    method.checkTrusted(examined, proved.resources, proved.at);
    return examined;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const again = method.examine(body, proved, report);
    method.checkTrusted(again, proved.resources, proved.at);
    return again;
  }
}

function parseRequest(text: string): JoinRequest {
  const parsed = parseJsonWith(joinRequest, text, STRANGERS);
  if (parsed.ok) return parsed.value;
  const { field, message } = parsed.problem;
  throw badInput({ field: field === '' ? 'request' : `request.${field}`, message });
}

const lifetimeOf = (
  { metadata, spec }: JoinToken,
  limits: 'every join' | 'first join',
  { signsUntil }: Authorities,
  { defaultSeconds, maxSeconds }: JoinParts,
  at: Date,
): Lifetime => ({
  defaultSeconds,
  maxSeconds,
  tokenTtl: spec.max_ttl,
  tokenEnds: limits === 'every join' ? metadata.expires : undefined,
  authoritiesEnd: signsUntil,
  at,
});

/** A secret that was used stays used for as long as it could be used. */
const endOf = ({ metadata }: JoinToken): number => {
  const end = parseTimestamp(metadata.expires ?? '');
  return end ? unixSeconds(end) : 0;
};
