/** One AWS account: its roles, users, and what runs in it. */
import type { AwsPartition } from '../../shared/protocol/sts.ts';
import { type ContainerTask, createContainerTask, type TaskOptions } from './container-task.ts';
import { type AwsCredentials, type Principal, uniqueId } from './credentials.ts';
import { createInstance, type Instance, type InstanceOptions } from './instance.ts';
import { type AwsRole, createRole } from './role.ts';
import type { AwsWorld } from './world.ts';

export interface AwsAccount {
  /** 12 digits. */
  readonly id: string;
  readonly partition: AwsPartition;
  /** The role of this name, made when it is first asked for. */
  role(name: string): AwsRole;
  /** A user with a key of its own. */
  user(name: string): { readonly principal: Principal; readonly credentials: AwsCredentials };
  /** A virtual machine (EC2). */
  instance(name: string, options?: InstanceOptions): Instance;
  /** A container of ECS. */
  task(name: string, options: TaskOptions): ContainerTask;
  readonly instances: readonly Instance[];
  readonly tasks: readonly ContainerTask[];
}

export function createAccount(world: AwsWorld, id: string, partition: AwsPartition): AwsAccount {
  const roles = new Map<string, AwsRole>();
  const instances: Instance[] = [];
  const tasks: ContainerTask[] = [];

  function role(name: string): AwsRole {
    const known = roles.get(name);
    if (known) return known;
    const made = createRole(world, { account: id, partition, name });
    roles.set(name, made);
    return made;
  }

  return {
    id,
    partition,
    role,
    user(name) {
      const arn = `arn:${partition}:iam::${id}:user/${name}`;
      const principal = { account: id, arn, userId: uniqueId('AIDA') };
      return { principal, credentials: world.credentials.longTerm(principal) };
    },
    instance(name, options = {}) {
      const attached = options.role === undefined ? undefined : role(options.role);
      const added = createInstance(world, name, attached, options);
      instances.push(added);
      return added;
    },
    task(name, options) {
      const added = createContainerTask(world, name, role(options.role), options);
      tasks.push(added);
      return added;
    },
    get instances() {
      return [...instances];
    },
    get tasks() {
      return [...tasks];
    },
  };
}
