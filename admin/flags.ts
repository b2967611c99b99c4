/** Every flag of every command, once: whether it takes a value, may stand several times, and how help shows it. */
import type { ResourceKind } from '../shared/protocol/resource.ts';

export interface Flag {
  /** What help shows for the value; a flag without one is a switch. */
  readonly value?: string;
  readonly short?: string;
  readonly repeatable?: true;
  /** The value is the name of such a resource, or several with commas; a shell completes them. */
  readonly names?: ResourceKind;
}

export const FLAGS = {
  proxy: { value: '<host[:port]>' },
  'auth-server': { value: '<host[:port]>' },
  verbose: {},
  help: { short: 'h' },
  format: { value: 'text|json|yaml', short: 'o' },
  auth: { value: 'default|azure-cli|browser|device-code' },
  user: { value: '<e-mail>' },
  force: { short: 'f' },
  diff: {},
  prune: {},
  strict: {},
  'dry-run': {},
  roles: { value: '<a,b>', names: 'role' },
  'add-roles': { value: '<a,b>', names: 'role' },
  logins: { value: '<x,y>' },
  'add-logins': { value: '<x,y>' },
  token: { value: '<name>', names: 'token' },
  type: { value: '<type>' },
  method: { value: 'azure|iam|token' },
  bot: { value: '<name>', names: 'bot' },
  instance: { value: '<id>' },
  'join-token': { value: '<name>', names: 'token' },
  result: { value: 'admitted|denied|failed' },
  reason: { value: '<reason>' },
  join: { value: '<request id>' },
  'vm-name': { value: '<name>' },
  'scale-set': { value: '<name>' },
  location: { value: '<region>' },
  tag: { value: '<name=value>', repeatable: true },
  since: { value: '<90m|7d|time>' },
  by: { value: 'reason|bot|machine' },
  follow: {},
  operator: { value: '<object id|name>' },
  resource: { value: '<kind[/name]>' },
  action: { value: 'create|replace|delete|read' },
  outcome: { value: 'done|refused|begun' },
  machine: { value: '<vmId>' },
  identity: { value: '<object id>' },
  subscription: { value: '<id>' },
  tenant: { value: '<id>' },
  'resource-group': { value: '<name>', repeatable: true },
  'aws-account': { value: '<12 digits>' },
  'aws-arn': { value: '<ARN>' },
  'host-name': { value: '<name>', repeatable: true },
  ttl: { value: '<1h30m>' },
  expires: { value: '<time>' },
  message: { value: '<text>' },
  name: { value: '<name>' },
  sha256: { value: '<fingerprint>' },
  now: {},
  out: { value: '<file>' },
  replace: {},
  yes: {},
  resume: {},
  'give-up': { value: '<what was lost>', repeatable: true },
} as const satisfies Record<string, Flag>;

export type FlagName = keyof typeof FLAGS;

export const flagNamed = (name: FlagName): Flag => FLAGS[name];

/** The flags that every command takes, with what help says about them. */
export const GLOBAL_FLAGS = {
  proxy: 'the broker to talk to (or $JOINCTL_PROXY, or the one of joinctl login)',
  'auth-server': 'the same as --proxy',
  verbose: 'say on stderr which broker is used, and more about a failure',
  help: 'show help for the command',
} as const satisfies Partial<Record<FlagName, string>>;
