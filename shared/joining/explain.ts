/**
 * What would happen to a machine, step by step, by the very decisions of a join. Nothing is proved here: the facts are an
 * operator's word, or what the join log has of an attempt.
 */
import type { MachineDirectory } from '../attestation/azure/machine-directory.ts';
import { parseMachineId } from '../attestation/azure/resource-id.ts';
import type { ExplainRequest, Explanation } from '../protocol/explain.ts';
import { type JoinRequest, systemRole } from '../protocol/join.ts';
import type { JoinRecord } from '../protocol/join-record.ts';
import { formatTimestamp } from '../protocol/values.ts';
import { Refusal } from '../refusal.ts';
import type { Naming } from '../resources/host-names.ts';
import type { JoinToken } from '../resources/join-token.ts';
import type { Resources, Snapshot } from '../storage/resources.ts';
import { checkLocks, findJoinToken } from './admission.ts';
import { describeMachine } from './explain-machine.ts';
import { endsJoinsOnly, isOfMachines, sayOfRules, type ToldFacts } from './methods/told-rules.ts';
import type { Owner } from './owners/owner.ts';
import { ownerOf } from './owners/owners.ts';

export interface ExplainParts {
  readonly resources: Pick<Resources, 'snapshot'>;
  /** The management API. */
  readonly machineDirectory: Pick<MachineDirectory, 'read'>;
  readonly findJoin: (requestId: string) => Promise<JoinRecord | undefined>;
  readonly naming: Naming;
  readonly defaultSeconds: number;
  readonly maxSeconds: number;
  readonly now: () => Date;
}

type Step = Explanation['steps'][number];

/** What is told of a decision, how it came out, and what the next ones need of it. */
type Decided<T> = readonly [detail: string, result?: Step['result'], value?: T];

/** What is known of a machine. `principal` is what locks name it by, where rules might name it by something that is not known. */
export type ExplainedFacts = ExplainRequest &
  ToldFacts & { readonly principal?: string | undefined };

/** Throws `not_found` for an unknown join, `bad_request` for a resource id of no machine, `unavailable`. */
export async function explain(asked: ExplainRequest, parts: ExplainParts): Promise<Explanation> {
  const snapshot = await parts.resources.snapshot();
  if (asked.resource_id !== undefined)
    return explainMachine(asked, asked.resource_id, snapshot, parts);
  const facts = asked.join === undefined ? asked : await factsOf(asked.join, parts);
  return explainFacts(facts, snapshot, parts);
}

/** Goes on after a step that says no, as far as there is something to go on with. */
function explainFacts(
  facts: ExplainedFacts,
  snapshot: Snapshot,
  parts: Omit<ExplainParts, 'findJoin' | 'resources' | 'machineDirectory'>,
): Explanation {
  const at = parts.now();
  const role = facts.role ?? 'Bot';
  const steps: Step[] = [];
  const attempt = <T>(step: string, decide: () => Decided<T>): T | undefined => {
    try {
      const [detail, result = 'ok', value] = decide();
      steps.push({ step, result, detail });
      return value;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { reason, message } = error;
      steps.push({ step, result: 'denied', detail: message, reason });
      return undefined;
    }
  };

  const named = facts.token ?? '';
  const token = snapshot.get('token', named);
  const request: Request = {
    token: named,
    join_method: token?.spec.join_method ?? 'azure',
    role,
    instance: undefined,
  };
  attempt('join token', () => {
    const found = findJoinToken(request, snapshot, at, 'every join');
    const { join_method, roles } = found.spec;
    return [`${found.metadata.name}, join method ${join_method}, for ${roles.join(', ')}`];
  });
  if (token) {
    attempt('allow rules', () => sayOfRules(token, facts));
    const owner = attempt('bot or host', () => {
      const found = ownerOf(request, token, snapshot, parts.naming, at);
      return [found.key, 'ok', found];
    });
    attempt('locks', () => {
      const locked = {
        join_token: token.metadata.name,
        ...lockTargets(facts),
        ...owner?.lockTargets,
      };
      checkLocks(locked, snapshot, at);
      return ['none is on it'];
    });
    const { max_machines: most } = token.spec;
    if (most !== undefined)
      attempt('machines', () => [`at most ${most} at once: how many live is not looked at`]);
    if (owner) attempt('certificate', () => [certificateOf(owner, token, parts, at)]);
  }
  return { verdict: verdictOf(steps), steps };
}

/** More join tokens than these nobody reads through. */
const MOST_TOKENS = 200;

async function explainMachine(
  asked: ExplainRequest,
  resourceId: string,
  snapshot: Snapshot,
  parts: ExplainParts,
): Promise<Explanation> {
  const { steps, facts } = await describeMachine(asked, resourceId, parts.machineDirectory);
  const best = (token: string, role: ExplainRequest['role']): Explanation =>
    facts
      .map((one) => ({ one, found: explainFacts({ ...one, token, role }, snapshot, parts) }))
      .map(({ one, found }) => (facts.length > 1 ? asIdentity(found, one) : found))
      .toSorted((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict))[0] ?? {
      verdict: 'denied',
      steps: [],
    };
  if (asked.token !== undefined) {
    const found = best(asked.token, asked.role);
    const all = [...steps, ...found.steps];
    return { verdict: verdictOf(all), steps: all };
  }
  const tokens = snapshot
    .all('token')
    .filter(({ spec }) => isOfMachines(spec))
    .filter(({ spec }) => asked.role === undefined || spec.roles.includes(asked.role))
    .slice(0, MOST_TOKENS)
    .map(({ metadata, spec }) => ({
      token: metadata.name,
      ...best(metadata.name, asked.role ?? spec.roles[0]),
    }));
  const [verdict = 'denied'] = ORDER.filter((one) => tokens.some((token) => token.verdict === one));
  return { verdict, steps: [...steps], tokens };
}

/** The best first. */
const ORDER: readonly Explanation['verdict'][] = ['admitted', 'unknown', 'denied'];

const asIdentity = (
  { verdict, steps }: Explanation,
  { identity }: ExplainRequest,
): Explanation => ({
  verdict,
  steps: [{ step: 'identity', result: 'ok', detail: `as ${identity}` }, ...steps],
});

type Request = Pick<JoinRequest, 'token' | 'join_method' | 'role' | 'instance'>;

async function factsOf(id: string, { findJoin }: ExplainParts): Promise<ExplainedFacts> {
  const record = await findJoin(id);
  if (!record) {
    throw new Refusal(
      'not_found',
      'the join log has no such request: it keeps those of machines, for 30 days',
    );
  }
  const machine = parseMachineId(record.resource_id ?? record.claimed_resource_id ?? '');
  const scaleSet = machine && 'set' in machine ? machine.set : undefined;
  const name =
    machine?.kind === 'vm'
      ? machine.vm
      : machine?.kind === 'instance'
        ? `${machine.set}_${machine.instance}`
        : undefined;
  return {
    token: record.join_token,
    role: roleOf(record),
    tenant: record.tenant,
    subscription: record.subscription ?? record.claimed_subscription,
    resource_group: machine?.group,
    vm_name: name,
    vm_id: record.vm_id ?? record.claimed_vm_id,
    scale_set: scaleSet,
    principal: record.identity,
    aws_account: record.aws_account,
    aws_arn: record.aws_arn,
  };
}

const roleOf = ({ system_role }: JoinRecord): ExplainRequest['role'] =>
  systemRole.safeParse(system_role).data;

const lockTargets = ({ vm_id, identity, principal = identity, aws_arn }: ExplainedFacts) => ({
  ...(vm_id !== undefined && { machine: vm_id }),
  ...(principal !== undefined && { identity: principal.toLowerCase() }),
  ...(aws_arn !== undefined && { aws_arn }),
});

/** What a bot's certificate would say. A host's names come from what is attested of it. */
function certificateOf(
  owner: Owner,
  token: JoinToken,
  parts: Pick<ExplainParts, 'defaultSeconds' | 'maxSeconds'>,
  at: Date,
): string {
  const { defaultSeconds, maxSeconds } = parts;
  const lifetime = {
    defaultSeconds,
    maxSeconds,
    tokenTtl: token.spec.max_ttl,
    tokenEnds: endsJoinsOnly(token.spec) ? undefined : token.metadata.expires,
    authoritiesEnd: new Date(at.getTime() + maxSeconds * 1000),
    at,
  };
  const wish = { name: 'identity', csr: '' };
  const grant =
    owner.bot === undefined ? undefined : owner.grant(wish, 'certificates[0]', lifetime, []);
  if (grant?.type !== 'user') return 'for the names that its join token makes of verified facts';
  const roles = grant.roles.join(', ') || 'no role';
  const logins = grant.logins.join(', ') || 'none';
  return `roles ${roles}; logins ${logins}; until ${formatTimestamp(grant.expires)} at the latest, if no lifetime is asked for`;
}

const verdictOf = (steps: readonly Step[]): Explanation['verdict'] =>
  steps.some(({ result }) => result === 'denied')
    ? 'denied'
    : steps.some(({ result }) => result === 'unknown')
      ? 'unknown'
      : 'admitted';
