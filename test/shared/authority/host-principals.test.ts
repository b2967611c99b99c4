import { expect, test } from 'vitest';
import { checkHostPrincipals } from '../../../shared/authority/host-principals.ts';

const label = 'a'.repeat(63);
const longest = [label, label, label, 'a'.repeat(61)].join('.');

test.each([['web.group1.example.org'], ['7.pool.example.org'], [label], [longest]])(
  'an authority signs %s',
  (name) => {
    expect(() => checkHostPrincipals([name])).not.toThrow();
  },
);

test.each([
  ['a wildcard, which clients take for every name', '*.example.org'],
  ['a wildcard within a label', 'we?.example.org'],
  ['a list of names', 'web.example.org,evil.example.org'],
  ['letters in upper case', 'Web.example.org'],
  ['a zero byte, where C ends a text', 'web.example.org\0.evil.example'],
  ['a line break', 'web.example.org\n'],
  ['white space', 'web example.org'],
  ['an underscore', 'web_1.example.org'],
  ['letters beyond ASCII', 'wéb.example.org'],
  ['an empty label', 'web..example.org'],
  ['a dot at the end', 'web.example.org.'],
  ['a dash at the end of a label', 'web-.example.org'],
  ['a label of 64 characters', `${label}a.example.org`],
  ['254 characters', `${longest}a`],
  ['nothing', ''],
])('no authority signs %s', (_, name) => {
  expect(() => checkHostPrincipals(['web.example.org', name])).toThrow('no DNS name');
});

test('no authority signs a certificate without a name, which would be good for every host', () => {
  expect(() => checkHostPrincipals([])).toThrow('needs a name');
});
