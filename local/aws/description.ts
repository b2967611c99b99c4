/** A simulated AWS from its description in YAML: what the local stack runs beside Azure. */
import * as z from 'zod/mini';
import { regionalSts } from '../../shared/protocol/sts.ts';
import { name } from '../../shared/protocol/values.ts';
import { parseDescription } from '../parse-description.ts';
import { type AwsCloud, createAwsCloud } from './cloud.ts';
import type { ContainerTask } from './container-task.ts';
import type { Instance } from './instance.ts';

const region = z._default(
  z
    .string()
    .check(
      z.refine((text) => regionalSts(text) !== undefined, 'expected a region such as us-east-1'),
    ),
  'us-east-1',
);
const roleName = z
  .string()
  .check(z.regex(/^[\w+=,.@-]{1,64}$/, "expected a role's name: letters, digits and +=,.@-_"));

const awsDescription = z.strictObject({
  accounts: z.array(
    z.strictObject({
      id: z
        .string('expected an account: 12 digits, in quotes')
        .check(z.regex(/^\d{12}$/, 'expected an account: 12 digits, in quotes')),
      instances: z._default(
        z.array(
          z.strictObject({
            name,
            region,
            role: z.optional(roleName),
            instance_id: z.optional(
              z.string().check(z.regex(/^i-[0-9a-f]{17}$/, 'expected i- and 17 hex digits')),
            ),
          }),
        ),
        [],
      ),
      tasks: z._default(z.array(z.strictObject({ name, region, role: roleName })), []),
    }),
  ),
});
type AwsDescription = z.infer<typeof awsDescription>;

export interface DescribedAws {
  readonly cloud: AwsCloud;
  /** By name. */
  readonly instances: ReadonlyMap<string, Instance>;
  readonly tasks: ReadonlyMap<string, ContainerTask>;
}

/** Makes the AWS that the YAML describes. Throws one plain sentence where the description is wrong. */
export function describedAws(yaml: string, options: { readonly now: () => Date }): DescribedAws {
  const description = parseDescription(awsDescription, yaml, 'AWS');
  const cloud = createAwsCloud(options);
  const names = new Set<string>();
  const instances = new Map<string, Instance>();
  const tasks = new Map<string, ContainerTask>();
  const takeName = (taken: string): void => {
    if (names.has(taken)) {
      throw new Error(`The description of AWS has two machines ${taken}: names must differ.`);
    }
    names.add(taken);
  };
  for (const described of description.accounts) {
    const partition = partitionOf(described);
    const account = cloud.account(described.id, partition);
    for (const { name, region, role, instance_id: instanceId } of described.instances) {
      takeName(name);
      const more = { ...(role !== undefined && { role }), ...(instanceId && { instanceId }) };
      instances.set(name, account.instance(name, { region, ...more }));
    }
    for (const { name, ...options } of described.tasks) {
      takeName(name);
      tasks.set(name, account.task(name, options));
    }
  }
  return { cloud, instances, tasks };
}

/** An account is in one partition, and all of its regions with it. */
function partitionOf({ id, instances, tasks }: AwsDescription['accounts'][number]) {
  const partitions = new Set(
    [...instances, ...tasks].map(({ region }) => regionalSts(region)?.partition ?? 'aws'),
  );
  if (partitions.size > 1) {
    throw new Error(`The account ${id} has machines in several partitions: an account is in one.`);
  }
  return [...partitions][0] ?? 'aws';
}
