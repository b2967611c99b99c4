import { expect, test } from 'vitest';
import { Failure } from '../../agent/failure.ts';
import { outputNames } from '../../agent/output-names.ts';
import type { Output } from '../../agent/settings.ts';

const flagged = { name: 'identity-1' } as Output;
interface Configured {
  readonly type: string;
  readonly name?: string;
}
const named = (outputs: readonly Configured[]) =>
  outputs.map((output, position) => ({ output, place: ['outputs', position] }));
const namesOf = (ofFlag: readonly Output[], ...outputs: readonly Configured[]) =>
  outputNames(
    ofFlag,
    named(outputs),
    (path, message) => new Failure('config', `${path.join('.')}: ${message}`),
  );

test('outputs are called as they say, or by their types and numbers', () => {
  const own = { type: 'tls', name: 'web' };
  expect(namesOf([], { type: 'tls' }, own, { type: 'tls' })).toEqual(['tls-1', 'web', 'tls-3']);
  expect(namesOf([flagged], { type: 'tls' }, own)).toEqual(['tls-2', 'web']);
});

test('no two are called the same, and none as the storage or the output of a flag', () => {
  const web = { type: 'tls', name: 'web' };
  expect(() => namesOf([], web, web)).toThrow(
    'outputs.1.name: expected a name that nothing else has, got web twice',
  );
  expect(() => namesOf([], { ...web, name: 'tls-2' }, { type: 'tls' })).toThrow(
    'outputs.1: expected a name that nothing else has, got tls-2 twice',
  );
  expect(() => namesOf([], { ...web, name: 'storage' })).toThrow(
    "got storage, which is the agent's own directory",
  );
  expect(() => namesOf([flagged], { ...web, name: 'identity-1' })).toThrow('identity-1 twice');
});
