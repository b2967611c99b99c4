/**
 * The names of hosts: attested, not claimed. A join token has templates; the names are made from verified facts. Every
 * value becomes exactly one label, so that no two machines share a name by a clever value in one of them.
 */
import * as z from 'zod/mini';

/** What is known of a machine that names can be made of; `undefined` where it has no such thing. */
export type NameFacts = Readonly<Record<FactName, string | undefined>>;

const FACTS = [
  'vm_name',
  'resource_group',
  'subscription',
  'location',
  'scale_set',
  'instance_id',
] as const;
type FactName = (typeof FACTS)[number];

const CLUSTER = '{{cluster}}';
const PLACEHOLDER = /^\{\{([a-z_]+)\}\}$/;
const LABEL = /^(?!xn--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const MOST_NAMES = 16;
const LONGEST_NAME = 253;

/** The parts of a template, which stand between its dots. */
const partsOf = (template: string): string[] => template.split('.');

function templateProblem(template: string): string | undefined {
  for (const part of partsOf(template)) {
    const [, placeholder] = PLACEHOLDER.exec(part) ?? [];
    const known: readonly string[] = [...FACTS, 'cluster'];
    if (placeholder !== undefined && !known.includes(placeholder)) {
      return `expected one of ${known.map((name) => `{{${name}}}`).join(', ')}`;
    }
    if (placeholder === undefined && !LABEL.test(part)) {
      return 'expected labels of a-z, 0-9 and dashes between dots; a placeholder such as {{vm_name}} is a label of its own';
    }
  }
  return undefined;
}

/** `spec.host_names` of a join token. */
export const hostNameTemplates = z
  .array(
    z.string().check(
      z.maxLength(LONGEST_NAME),
      z.superRefine((template, context) => {
        const message = templateProblem(template);
        if (message !== undefined) context.addIssue({ code: 'custom', message });
      }),
    ),
  )
  .check(z.minLength(1, 'expected at least one name'), z.maxLength(MOST_NAMES));

/** Whether a template needs facts about a machine: join methods that attest none can't fill it in. */
export const needsFacts = (template: string): boolean =>
  partsOf(template).some((part) => PLACEHOLDER.test(part) && part !== CLUSTER);

const OF_VM = `{{vm_name}}.{{resource_group}}.${CLUSTER}`;
const OF_INSTANCE = `{{instance_id}}.{{scale_set}}.{{resource_group}}.${CLUSTER}`;

/** Under which domains names may be. */
export interface Naming {
  readonly cluster: string;
  /** Domains of the settings, beside the cluster. */
  readonly domains: readonly string[];
}

export type HostNames =
  | { readonly ok: true; readonly names: readonly string[] }
  | { readonly ok: false; readonly why: string };

/**
 * The names of a machine. Without templates a virtual machine is called after itself and its group, an instance of a
 * uniform set after its number, its set and its group.
 */
export function makeHostNames(
  templates: readonly string[] | undefined,
  facts: NameFacts,
  naming: Naming,
): HostNames {
  const standard = facts.vm_name === undefined ? OF_INSTANCE : OF_VM;
  const names = new Set<string>();
  for (const template of templates ?? [standard]) {
    const made = makeName(template, facts, naming);
    if (!made.ok) return { ok: false, why: `no name can be made of ${template}: ${made.why}` };
    names.add(made.name);
  }
  return { ok: true, names: [...names] };
}

/** Values as short as they can be, and the end of no domain. */
const ANY_FACTS: NameFacts = {
  vm_name: 'x',
  resource_group: 'x',
  subscription: 'x',
  location: 'x',
  scale_set: 'x',
  instance_id: 'x',
};

/** Why a template is of no use, whatever the machine; `undefined` where it is. A name's end is fixed text, never a value. */
export function templateFault(template: string, naming: Naming): string | undefined {
  const made = makeName(template, ANY_FACTS, naming);
  return made.ok ? undefined : `no host can have such a name: ${made.why}`;
}

type Made =
  | { readonly ok: true; readonly name: string }
  | { readonly ok: false; readonly why: string };

function makeName(template: string, facts: NameFacts, { cluster, domains }: Naming): Made {
  const labels: string[] = [];
  for (const part of partsOf(template)) {
    const [, placeholder] = PLACEHOLDER.exec(part) ?? [];
    if (placeholder === undefined) labels.push(part);
    else if (placeholder === 'cluster') labels.push(cluster);
    else {
      const value = facts[placeholder as FactName];
      if (value === undefined) return refused(`the machine has no ${placeholder}`);
      const label = labelOf(value);
      if (label === undefined) return refused(`its ${placeholder} can be no label`);
      labels.push(label);
    }
  }
  const name = labels.join('.');
  if (name.length > LONGEST_NAME) return refused(`it is longer than ${LONGEST_NAME} characters`);
  if (!name.split('.').every((label) => LABEL.test(label)))
    return refused('the cluster name is no DNS name');
  if (![cluster, ...domains].some((domain) => name.endsWith(`.${domain}`)))
    return refused(`it is not below ${[cluster, ...domains].join(' or ')}`);
  return { ok: true, name };
}

/** Exactly one label of DNS (RFC 1123), or nothing: letters of ASCII in lower case, and a dash for an underscore. */
function labelOf(value: string): string | undefined {
  const label = value.replace(/[A-Z]/g, (letter) => letter.toLowerCase()).replaceAll('_', '-');
  return LABEL.test(label) ? label : undefined;
}

const refused = (why: string): { readonly ok: false; readonly why: string } => ({ ok: false, why });
