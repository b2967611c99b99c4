import { expect, test } from 'vitest';
import { nearestName } from '../../../shared/protocol/nearest-name.ts';

test.each([
  ['a letter too many', 'allows', ['allow', 'vm_binding'], 'allow'],
  ['letters swapped', 'fromat', ['format', 'force'], 'format'],
  ['another case', 'Spec', ['spec', 'kind'], 'spec'],
  ['the nearest of two', 'rolees', ['role', 'roles'], 'roles'],
  ['a word before it', 'azure_resource_groups', ['tenant', 'resource_groups'], 'resource_groups'],
  ['a word after it', 'tenant_id', ['tenant', 'subscription'], 'tenant'],
  ['nothing near', 'kubernetes', ['bot', 'token'], undefined],
  ['far too long a word', 'x'.repeat(100_000), ['x'], undefined],
])('%s', (_, written, names, meant) => {
  expect(nearestName(written, names)).toBe(meant);
});
