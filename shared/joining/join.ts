/**
 * A join, step by step: cheap and local checks first; nothing fetches, writes or looks a name up for a caller who has
 * proved nothing yet. Read it beside "A join, step by step" in docs/design.md.
 */
import { createHash } from 'node:crypto';
import {
  type AzureTrust,
  bindingEvidence,
  verifyDocument,
  verifyToken,
} from '../attestation/azure/azure-evidence.ts';
import type { MachineBinder } from '../attestation/azure/machine-binder.ts';
import { readClaimedMachine } from '../attestation/azure/machine-binding.ts';
import type { Authorities } from '../authority/authorities.ts';
import type { Keyring } from '../authority/keyring.ts';
import { randomSerialNumber } from '../authority/tls-certificate.ts';
import { type JoinBody, type JoinRequest, joinRequest, requestDigest } from '../protocol/join.ts';
import { parseJsonWith } from '../protocol/schema.ts';
import { badInput, denied, Refusal } from '../refusal.ts';
import type { Instances } from '../storage/instances.ts';
import type { Resources } from '../storage/resources.ts';
import {
  bindingOf,
  checkCouldMatch,
  checkLocks,
  checkRules,
  findBot,
  findJoinToken,
  tenantsOf,
} from './admission.ts';
import { checkPossession, readCertificateKeys } from './certificate-keys.ts';
import { type Challenge, challengeKeySequence, verifyChallenge } from './challenge.ts';
import { decideGrant } from './grants.ts';
import { type DecidedJoin, unixSeconds } from './instance-record.ts';
import { issueAndRecord, type Joined, type Report } from './issue-and-record.ts';
import { findRenewing } from './renewing.ts';

export interface JoinParts {
  readonly cluster: string;
  /** Tenants whose machines may join even where a rule names no tenant. */
  readonly tenants: readonly string[];
  readonly defaultSeconds: number;
  readonly maxSeconds: number;
  readonly trust: AzureTrust;
  readonly binder: MachineBinder;
  readonly keyring: Keyring;
  readonly resources: Resources;
  readonly instances: Instances;
  readonly now: () => Date;
}

/** Decides on one join. Throws a `Refusal`. */
export async function join(body: JoinBody, parts: JoinParts, report: Report): Promise<Joined> {
  const at = parts.now();
  const request = parseRequest(body.request);
  report({
    join_token: request.token,
    join_method: request.join_method,
    system_role: request.role,
  });
  const digest = requestDigest(body.request);

  const authorities = await parts.keyring.authorities();
  const challenge = await checkChallenge(request, authorities, parts, at);
  const keys = readCertificateKeys(request.certificates);
  report({
    access_token_sha256: createHash('sha256').update(body.azure.access_token).digest('hex'),
  });
  const document = verifyDocument(body.azure, parts.trust, {
    nonce: digest.slice(0, 32),
    challenged: challenge.issued,
    at,
  });
  report({ vm_id: document.vmId, subscription: document.subscriptionId });
  // After the document: checking sixteen signatures is for callers who are machines.
  checkPossession(keys);

  const snapshot = await parts.resources.snapshot();
  const joinToken = findJoinToken(request, snapshot, at);
  checkCouldMatch(joinToken, document, undefined, undefined);
  const identity = await verifyToken(
    body.azure,
    parts.trust,
    tenantsOf(joinToken, parts.tenants),
    at,
  );
  report({ tenant: identity.tenant });
  const evidence = bindingEvidence(body.azure, document, identity);
  const claimed = readClaimedMachine(evidence);
  checkCouldMatch(joinToken, document, identity.tenant, claimed.id?.group);

  const bot = findBot(joinToken, snapshot, at);
  report({ bot: bot.metadata.name });
  const renewing = await findRenewing(
    challenge,
    bot,
    joinToken,
    document,
    body,
    digest,
    parts.instances,
    at,
  );
  const { machine, verified } = await parts.binder.bind(
    evidence,
    claimed,
    bindingOf(joinToken),
    renewing?.instance.machine,
  );
  report({ resource_id: machine.resourceId });
  const instanceId = challenge.instanceId ?? challenge.id;
  checkLocks(snapshot, bot, joinToken, machine, instanceId, at);
  checkRules(joinToken, machine);

  const grants = request.certificates.map((wish, i) =>
    decideGrant(wish, `request.certificates[${i}]`, {
      bot,
      joinToken,
      roleNamed: (name) => snapshot.get('role', name),
      defaultSeconds: parts.defaultSeconds,
      maxSeconds: parts.maxSeconds,
      issuingEnds: authorities.issuing.notAfter,
      at,
    }),
  );
  const decided: DecidedJoin = {
    bot: bot.metadata.name,
    joinToken: joinToken.metadata.name,
    challenge,
    requestDigest: digest,
    keys,
    certificates: grants.map((grant, i) => ({
      name: keys[i]?.wish.name ?? '',
      serial: Buffer.from(randomSerialNumber()).toString('hex'),
      issued: unixSeconds(at),
      expires: unixSeconds(grant.expires),
    })),
    machine,
    machineVerified: verified,
    at,
  };
  return issueAndRecord(decided, grants, renewing, authorities, parts, report);
}

function parseRequest(text: string): JoinRequest {
  const parsed = parseJsonWith(joinRequest, text);
  if (parsed.ok) return parsed.value;
  const { field, message } = parsed.problem;
  throw badInput({ field: field === '' ? 'request' : `request.${field}`, message });
}

async function checkChallenge(
  request: JoinRequest,
  { challengeKeys }: Authorities,
  { keyring }: JoinParts,
  at: Date,
): Promise<Challenge> {
  const sequence = challengeKeySequence(request.challenge);
  const keyAmong = (keys: Authorities['challengeKeys']) =>
    keys.find((key) => key.sequence === sequence);
  let key = keyAmong(challengeKeys);
  if (!key && sequence !== undefined && sequence > (challengeKeys[0]?.sequence ?? 0)) {
    // A key newer than ours: the timer, or another function instance, made it (rule 8).
    if (!(await keyring.refresh()))
      throw new Refusal('unavailable', 'the challenge is of a newer key: try again', {
        retryAfter: 10,
      });
    key = keyAmong((await keyring.authorities()).challengeKeys);
  }
  if (!key) throw denied('challenge_invalid', 'the challenge is not of a key that is in use');
  return verifyChallenge(
    request.challenge,
    { token: request.token, joinMethod: request.join_method },
    key,
    at,
  );
}
