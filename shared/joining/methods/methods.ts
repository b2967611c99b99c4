/** Every join method, by name. */
import type { JoinBody, JoinMethodName } from '../../protocol/join.ts';
import { badInput } from '../../refusal.ts';
import type { LockSubject } from '../../resources/lock.ts';
import type { CertifiedInstance, KeptFacts } from '../../storage/instances.ts';
import { type AzureParts, azureMethod } from './azure.ts';
import { type IamParts, iamMethod } from './iam.ts';
import type { JoinMethod } from './method.ts';
import { tokenMethod } from './token.ts';

export interface MethodParts {
  readonly azure: AzureParts;
  readonly iam: IamParts;
}

export interface JoinMethods {
  /** Runs what is the same for every method. The types of a method's own evidence and facts never leave it. */
  by<T>(
    name: JoinMethodName,
    run: <Examined, Facts extends KeptFacts>(method: JoinMethod<Examined, Facts>) => T,
  ): T;
}

export function joinMethods(parts: MethodParts): JoinMethods {
  const azure = azureMethod(parts.azure);
  const iam = iamMethod(parts.iam);
  return {
    by(name, run) {
      switch (name) {
        case 'azure':
          return run(azure);
        case 'token':
          return run(tokenMethod);
        case 'iam':
          return run(iam);
      }
    },
  };
}

/** `incarnation`: what changes when the machine is made anew, such as its `vmId`. */
type InstanceSubject = Partial<LockSubject> & { readonly incarnation?: string };

/** What an instance can be named by, from its row: as a join of it would be checked for locks. */
export const subjectOfInstances =
  (methods: JoinMethods) =>
  ({ id, owner, joinToken, machine }: CertifiedInstance): InstanceSubject => {
    const [, bot] = /^bot:(.*)$/.exec(owner) ?? [];
    // A row's facts are those of its own method.
    const ofMethod = <Examined, Facts>(method: JoinMethod<Examined, Facts & typeof machine>) => {
      const facts = machine as Facts & typeof machine;
      const { incarnation } = method.hostOf(facts, id);
      return { ...method.lockTargets(facts), ...(incarnation !== '' && { incarnation }) };
    };
    return {
      instance: id,
      join_token: joinToken,
      ...(bot !== undefined && { bot }),
      ...methods.by(machine.method as JoinMethodName, ofMethod),
    };
  };

/** The member of a body that each method's evidence is in. */
const MEMBERS = { azure: 'azure', iam: 'iam', token: 'secret' } as const satisfies Record<
  JoinMethodName,
  keyof JoinBody
>;

/** Refuses evidence of another method: nothing in a body goes unread. */
export function checkOnlyEvidenceOf(name: JoinMethodName, body: JoinBody): void {
  for (const [method, member] of Object.entries(MEMBERS)) {
    if (method !== name && body[member] !== undefined)
      throw badInput({ field: member, message: `expected none with join method ${name}` });
  }
}
