/** What the reference speaks of: rules, requests, instances, names and verdicts, as plain data. Times are in seconds. */

/** What operators have said, as of one change. */
export interface Rules {
  /** Locks in force, by their names: what each is on. */
  readonly locks: Readonly<Record<string, Target>>;
  /** The join tokens of method `azure`, which all have the same rule. */
  readonly allow: Allow;
  /** The join tokens of method `token`. */
  readonly secrets: Readonly<Record<string, Secret>>;
  /** How many machines of AWS may have live instances. */
  readonly awsPlaces: Places;
  /** The limit of the bot's role. */
  readonly roleSeconds: number;
}

export type Target = readonly [
  kind: 'bot' | 'join_token' | 'machine' | 'instance' | 'aws_arn',
  value: string,
];

/** `max_machines` of a join token. */
export type Places = number | undefined;

export interface Allow {
  /** Of the machines' own subscription; `elsewhere`: of another one. */
  readonly groups: readonly string[] | 'elsewhere';
  /** When the join tokens end. */
  readonly ends: number;
  readonly places: Places;
}

export interface Secret {
  readonly reference: string;
  readonly ends: number;
}

/** One request as its sender knows it. */
export interface Sent {
  readonly method: 'azure' | 'token' | 'iam';
  readonly digest: string;
  /** The join token: its name, or its secret's reference. */
  readonly token: string;
  readonly owner: 'bot:example' | 'host:Node';
  /** Of method `azure`, and the caller's ARN of method `iam`. */
  readonly machine?: MachineFacts;
  readonly arn?: string;
  /** When its document was made or its request signed, or when it says that it was written. */
  readonly made: number;
  /** Of each certificate that it asks for. */
  readonly ttls: readonly (number | undefined)[];
  /** The instance key that it asks for. */
  readonly key: string;
  /** The instance that it makes if it is a first join. */
  readonly makes: string;
  readonly renews?: { readonly id: string; readonly generation: number; readonly key: string };
}

export interface MachineFacts {
  readonly resource: string;
  readonly vmId: string;
  readonly group: string;
  /** The name of the machine as a host. */
  readonly hostName: string;
}

export interface Instance {
  readonly owner: string;
  readonly token: string;
  readonly machine: string;
  /** What stays the same when the machine is reinstalled, or made anew: it is counted once. */
  readonly place: string;
  /** Digest of the request of its first join. */
  readonly madeBy: string;
  readonly generation: number;
  readonly key: string;
  readonly keyEnds: number;
  /** The end of its last certificate. */
  readonly lastEnd: number;
  readonly answered: readonly Answered[];
  readonly replaced: readonly Replaced[];
  readonly removed: boolean;
  readonly goneAfter: number;
}

export interface Answered {
  readonly digest: string;
  readonly generation: number;
  /** Of each certificate. */
  readonly ends: readonly number[];
  readonly until: number;
}

export interface Replaced {
  readonly generation: number;
  readonly key: string;
  readonly by: string;
  readonly at: number;
  readonly until: number;
}

export interface Name {
  readonly resource: string;
  readonly vmId: string;
  readonly gone: readonly string[];
}

export interface State {
  readonly at: number;
  readonly instances: Readonly<Record<string, Instance>>;
  readonly names: Readonly<Record<string, Name>>;
  /** When a join of a machine came to nothing half-way, by its place: it may hold that for a minute. */
  readonly halfWay: Readonly<Record<string, number>>;
}

export type Verdict =
  | {
      readonly kind: 'admitted';
      readonly id: string;
      readonly generation: number;
      readonly again: boolean;
      /** The ends of its certificates. */
      readonly ends: readonly number[];
    }
  | { readonly kind: 'denied'; readonly reason: string; readonly proved: boolean }
  | { readonly kind: 'refused'; readonly code: 'instance_unknown' | 'try_again' };

/** The place of a machine among those of its join token; none where a secret joins. */
export const placeOf = ({ method, token, machine, arn }: Sent): string =>
  method === 'token' ? '' : `${token} ${machine?.resource ?? arn}`;

/** A document is good for five minutes, and clocks may differ by one. */
export const DOCUMENT_SECONDS = 360;
/** A request to STS is good for as long after it was signed. */
export const SIGNED_SECONDS = 300;
