/** What a refusal of the metadata service's means, in a sentence for whoever has to mend it. */
import { expect, test } from 'vitest';
import { explainRefusedToken, isIdentityMissing } from '../../agent/managed-identity.ts';

const refusal = (error_description?: string, error?: string): string =>
  JSON.stringify({ error, error_description });
const explain = (body: string): string =>
  explainRefusedToken(body, 'api://broker\u001b', undefined);

test('an identity is missing where the service says so, and nothing else is taken for that', () => {
  expect(isIdentityMissing(refusal('Identity not found'))).toBe(true);
  for (const body of [refusal('Identity is busy'), refusal(undefined, 'identity not found'), '<'])
    expect(isIdentityMissing(body)).toBe(false);
});

test.each([
  ['user-assigned', 'Multiple user-assigned identities exist'],
  ['user assigned', 'multiple user assigned identities exist'],
  ['userassigned', 'Multiple UserAssigned identities exist'],
])('several identities are several, written as %s', (_, said) => {
  expect(explain(refusal(said))).toContain('this VM has several user-assigned identities');
});

test.each([
  [
    'an audience that nobody knows',
    refusal('AADSTS500011', 'invalid_resource'),
    'the directory knows no application for the audience api://broker: correct onboarding.azure.audience',
  ],
  [
    'both words',
    refusal('no \u001bdetails', 'invalid_request'),
    'the metadata service refused an access token: invalid_request: no details',
  ],
  ['one word', refusal(undefined, 'odd'), 'the metadata service refused an access token: odd'],
  ['a sentence', refusal('busy'), 'the metadata service refused an access token: busy'],
  ['nothing', '{}', 'the metadata service refused an access token: without a reason'],
  ['no JSON', '<html>', 'the metadata service refused an access token: without a reason'],
])('%s is explained', (_, body, said) => {
  expect(explain(body)).toBe(said);
});

test('an identity that is missing is the one that was named, or the one of the system', () => {
  const body = refusal('Identity not found');
  expect(explainRefusedToken(body, 'api://a', undefined)).toMatch(
    /^this VM has no system-assigned identity: switch it on/,
  );
  expect(explainRefusedToken(body, 'api://a', 'client')).toMatch(
    /^this VM has no managed identity with the client id client: assign it/,
  );
});
