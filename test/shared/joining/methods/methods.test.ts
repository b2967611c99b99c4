/** Every join method: whose evidence a body may have, and what a row's instance is locked by. */
import { describe, expect, test } from 'vitest';
import {
  checkOnlyEvidenceOf,
  joinMethods,
  type MethodParts,
  subjectOfInstances,
} from '../../../../shared/joining/methods/methods.ts';
import type { JoinBody, JoinMethodName } from '../../../../shared/protocol/join.ts';
import type { CertifiedInstance } from '../../../../shared/storage/instances.ts';

const methods = joinMethods({ azure: {}, iam: {} } as MethodParts);

test.each<[JoinMethodName, string, boolean]>([
  ['azure', 'request_used', true],
  ['iam', 'request_used', false],
  ['token', 'secret_used', true],
])('%s is there by its name', (name, usedReason, provesLocally) => {
  methods.by(name, (method) => expect(method).toMatchObject({ usedReason, provesLocally }));
  expect.assertions(1);
});

describe('by its row an instance can be locked as', () => {
  const subject = { instance: 'i1', join_token: 'token' };
  test.each<[string, string, CertifiedInstance['machine'], object]>([
    [
      'a bot on a virtual machine',
      'bot:example',
      { method: 'azure', vmId: 'vm', oid: 'oid' },
      { ...subject, bot: 'example', machine: 'vm', identity: 'oid', incarnation: 'vm' },
    ],
    [
      'a host at AWS',
      'host:Node',
      { method: 'iam', arn: 'arn', userId: 'user' },
      { ...subject, aws_arn: 'arn', incarnation: 'user' },
    ],
    [
      'a host of a role that only ends like a bot',
      'host:bot:x',
      { method: 'token' },
      { ...subject },
    ],
    ['a bot of a secret', 'bot:a:b', { method: 'token' }, { ...subject, bot: 'a:b' }],
  ])('%s', (_, owner, machine, expected) => {
    const row = { id: 'i1', owner, joinToken: 'token', machine, serials: [] };
    expect(subjectOfInstances(methods)(row)).toStrictEqual(expected);
  });
});

describe('the body of a join has the evidence of its method alone:', () => {
  const members = { azure: 'azure', iam: 'iam', token: 'secret' } as const;
  const names = Object.keys(members) as JoinMethodName[];
  const body = (name: JoinMethodName) => ({ [members[name]]: {} }) as unknown as JoinBody;

  test.each(names)('%s', (name) => {
    expect(() => checkOnlyEvidenceOf(name, body(name))).not.toThrow();
    for (const other of names.filter((one) => one !== name)) {
      expect(() => checkOnlyEvidenceOf(name, body(other))).toThrow(
        expect.objectContaining({
          code: 'bad_request',
          field: members[other],
          message: `expected none with join method ${name}`,
        }),
      );
    }
  });
});
