/** Random histories: what machines, thieves, operators, timers, storage and time do, as plain data that shrinks and prints. */
import fc from 'fast-check';
import type { ScriptedFault } from '../broker/scripted-tables.ts';
import type { Places, Sent } from './terms.ts';

/** Numbers named `which` choose among what there is by then, the newest first. `fn` is the function instance that is asked. */
export type Action =
  | {
      readonly do: 'join';
      readonly fn: number;
      readonly vm: number;
      readonly as: Role;
      readonly ttls: Ttls;
    }
  | {
      readonly do: 'join from AWS';
      readonly fn: number;
      readonly session: number;
      readonly ttls: Ttls;
    }
  | {
      readonly do: 'join with secret';
      readonly fn: number;
      readonly secret: number;
      readonly ttls: Ttls;
    }
  | {
      readonly do: 'renew';
      readonly fn: number;
      /** Of whom: those that joined with a secret renew by their key alone, so a copy can. */
      readonly method: Sent['method'];
      readonly which: number;
      readonly ttls: Ttls;
      readonly sameKey: boolean;
      /** Signs with the key of another attempt. */
      readonly forged: boolean;
    }
  | {
      readonly do: 'send again';
      readonly fn: number;
      readonly which: number;
      readonly anew: boolean;
    }
  | {
      readonly do: 'lock';
      readonly fn: number;
      readonly name: number;
      readonly on: LockKind;
      readonly which: number;
    }
  | { readonly do: 'unlock'; readonly fn: number; readonly name: number }
  | {
      readonly do: 'allow';
      readonly fn: number;
      readonly groups: readonly string[] | 'elsewhere';
      readonly life: number;
    }
  | {
      readonly do: 'limit machines';
      readonly fn: number;
      readonly of: 'azure' | 'iam';
      readonly places: Places;
    }
  | { readonly do: 'limit role'; readonly fn: number; readonly seconds: number }
  | {
      readonly do: 'make secret';
      readonly fn: number;
      readonly secret: number;
      readonly life: number;
    }
  | { readonly do: 'delete secret'; readonly fn: number; readonly secret: number }
  | { readonly do: 'remove instance'; readonly fn: number; readonly which: number }
  | { readonly do: 'free name'; readonly fn: number; readonly which: number }
  | { readonly do: 'sweep'; readonly fn: number }
  | { readonly do: 'rotate keys'; readonly fn: number };

export type Step =
  | {
      readonly do: 'together';
      readonly actions: readonly Action[];
      readonly faults: readonly ScriptedFault[];
      readonly order: readonly number[];
      readonly outage: Outage | undefined;
    }
  | { readonly do: 'restart function'; readonly fn: number }
  | { readonly do: 'wait'; readonly seconds: number }
  | { readonly do: 'recreate machine'; readonly vm: number };

/** What can't be asked during a step. */
export type Outage = 'management' | 'vault';
type Role = 'Bot' | 'Node';
/** Of each certificate: one or more. */
type Ttls = readonly (number | undefined)[];
type LockKind = 'bot' | 'join_token' | 'machine' | 'instance' | 'aws_arn';

export const FUNCTION_INSTANCES = 3;
const MACHINES = 3;
const SECRETS = 2;
const SESSIONS = 2;
const LOCKS = 2;

const fn = fc.nat({ max: FUNCTION_INSTANCES - 1 });
const vm = fc.nat({ max: MACHINES - 1 });
const secret = fc.nat({ max: SECRETS - 1 });
const name = fc.nat({ max: LOCKS - 1 });
/** Mostly what is newest. */
const which = fc.oneof(
  { weight: 3, arbitrary: fc.nat({ max: 2 }) },
  { weight: 1, arbitrary: fc.nat({ max: 40 }) },
);
const ttl = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.constantFrom(60, 400, 7200, 100_000) },
);
const ttls = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(ttl) },
  { weight: 1, arbitrary: fc.array(ttl, { minLength: 2, maxLength: 3 }) },
);
const is = <T extends Action['do'] | Step['do']>(what: T) => fc.constant(what);
const rarely = fc.nat({ max: 9 }).map((n) => n === 9);

const join = fc.record({ do: is('join'), fn, vm, as: fc.constantFrom<Role>('Bot', 'Node'), ttls });
const joinFromAws = fc.record({
  do: is('join from AWS'),
  fn,
  session: fc.nat({ max: SESSIONS - 1 }),
  ttls,
});
const joinWithSecret = fc.record({ do: is('join with secret'), fn, secret, ttls });
const renew = fc.record({
  do: is('renew'),
  fn,
  method: fc.constantFrom<Sent['method']>('azure', 'iam', 'token', 'token'),
  which,
  ttls,
  sameKey: rarely,
  forged: rarely,
});
const sendAgain = fc.record({ do: is('send again'), fn, which, anew: rarely });

const joining = fc.oneof(
  { weight: 3, arbitrary: join },
  { weight: 2, arbitrary: joinWithSecret },
  { weight: 2, arbitrary: joinFromAws },
  { weight: 6, arbitrary: renew },
  { weight: 4, arbitrary: sendAgain },
);
const operating = fc.oneof(
  fc.record({
    do: is('lock'),
    fn,
    name,
    on: fc.constantFrom<LockKind>(
      'bot',
      'join_token',
      'machine',
      'aws_arn',
      'instance',
      'instance',
    ),
    which,
  }),
  fc.record({ do: is('unlock'), fn, name }),
  fc.record({
    do: is('allow'),
    fn,
    groups: fc.constantFrom<readonly string[] | 'elsewhere'>(
      ['group1', 'group2'],
      ['group1', 'group2'],
      ['group1'],
      ['group2'],
      'elsewhere',
    ),
    life: fc.constantFrom(600, 3000, 2_592_000, 2_592_000, 2_592_000),
  }),
  {
    weight: 3,
    arbitrary: fc.record({
      do: is('limit machines'),
      fn,
      of: fc.constantFrom('azure' as const, 'azure' as const, 'iam' as const),
      places: fc.constantFrom<Places>(1, 1, 2, undefined),
    }),
  },
  fc.record({ do: is('limit role'), fn, seconds: fc.constantFrom(300, 1800, 86_400) }),
  fc.record({ do: is('make secret'), fn, secret, life: fc.constantFrom(60, 3600, 86_400) }),
  fc.record({ do: is('delete secret'), fn, secret }),
  fc.record({ do: is('remove instance'), fn, which }),
  fc.record({ do: is('free name'), fn, which }),
  fc.record({ do: is('sweep'), fn }),
  fc.record({ do: is('rotate keys'), fn }),
);
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 3, arbitrary: joining },
  { weight: 2, arbitrary: operating },
);

const fault = fc.record({
  fault: fc.constantFrom<ScriptedFault['fault']>('down', 'answer_lost', 'tried_twice'),
  from: fc.nat({ max: 6 }),
  many: fc.constantFrom(1, 1, 1, 2, 100),
});
const faults = fc.oneof(
  { weight: 3, arbitrary: fc.constant([]) },
  { weight: 1, arbitrary: fc.array(fault, { minLength: 1, maxLength: 2 }) },
);
const outage = fc.oneof(
  { weight: 8, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.constantFrom<Outage>('management', 'vault') },
);
const order = fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 12 });

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: is('together'),
      actions: fc.tuple(
        fc.oneof({ weight: 2, arbitrary: joining }, { weight: 1, arbitrary: action }),
      ),
      faults,
      order: fc.constant([]),
      outage,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: is('together'),
      actions: fc.array(action, { minLength: 2, maxLength: 3 }),
      faults,
      order,
      outage,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: is('wait'),
      seconds: fc.constantFrom(1, 4, 5, 60, 300, 301, 360, 361, 421, 1200, 3600, 7200),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: is('recreate machine'), vm }) },
  { weight: 1, arbitrary: fc.record({ do: is('restart function'), fn }) },
);

export const histories: fc.Arbitrary<readonly Step[]> = fc.array(step, {
  minLength: 1,
  maxLength: 40,
  size: 'max',
});
