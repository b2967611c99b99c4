import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { describedAws } from '../../../local/aws/description.ts';
import { NOW } from './fixture.ts';

const options = { now: () => NOW };
const EXAMPLE = readFileSync(new URL('../../../examples/local-aws.yaml', import.meta.url), 'utf8');

test("the example has the machines that the guides' YAML speaks of", () => {
  const { cloud, instances, tasks } = describedAws(EXAMPLE, options);
  expect([...instances.keys(), ...tasks.keys()]).toEqual([
    'ec2-bot',
    'ec2-other-role',
    'ec2-without-role',
    'ec2-other-account',
    'ecs-bot',
  ]);
  const role = cloud.account('111111111111').role('teleport-bot-role');
  expect(instances.get('ec2-bot')?.role).toBe(role);
  expect(instances.get('ec2-bot')?.instanceId).toBe('i-0abcdef1234567890');
  expect(instances.get('ec2-without-role')?.role).toBeUndefined();
  expect(instances.get('ec2-other-account')?.role?.arn).toContain('222222222222');
  expect(tasks.get('ecs-bot')?.role).toBe(role);
});

test("an account's partition follows from its regions", () => {
  const yaml = EXAMPLE.replace(
    '- name: ec2-other-account',
    '- name: cn\n        region: cn-north-1',
  );
  expect(describedAws(yaml, options).instances.get('cn')?.role?.arn).toMatch(/^arn:aws-cn:/);
});

test.each([
  [
    'an unknown field',
    EXAMPLE.replace('role: other-role', 'rule: x'),
    'instances[1].rule: unknown field',
  ],
  [
    'an account without quotes',
    EXAMPLE.replace('"222222222222"', '222222222222'),
    'accounts[1].id: expected an account: 12 digits, in quotes',
  ],
  [
    'a short account',
    EXAMPLE.replace('"222222222222"', '"2"'),
    'accounts[1].id: expected an account',
  ],
  [
    'an instance id in another form',
    EXAMPLE.replace('i-0abcdef1234567890', 'i-1'),
    'expected i- and 17 hex digits',
  ],
  ['an unknown region', EXAMPLE.replace('role: other-role', 'region: moon-1'), 'expected a region'],
  ['two machines of one name', EXAMPLE.replace('ecs-bot', 'ec2-bot'), 'two machines ec2-bot'],
  [
    'machines in two partitions',
    EXAMPLE.replace('role: other-role', 'region: cn-north-1'),
    'an account is in one',
  ],
  ['what is no YAML', 'accounts: [', 'is no YAML: look at line 1'],
])('%s is refused', (_, yaml, message) => {
  expect(yaml).not.toBe(EXAMPLE);
  expect(() => describedAws(yaml, options)).toThrow(message);
});
