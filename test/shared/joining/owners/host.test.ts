/** A host's instance: the names that were made for its machine, and nothing of a user's. */
import { describe, expect, test } from 'vitest';
import { NO_NAME_FACTS } from '../../../../shared/joining/methods/method.ts';
import { hostOwner } from '../../../../shared/joining/owners/host.ts';
import type { Lifetime } from '../../../../shared/joining/owners/lifetime.ts';
import type { CertificateWish } from '../../../../shared/protocol/join.ts';
import { joinToken } from '../../resources/samples.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const later = (seconds: number): Date => new Date(NOON.getTime() + seconds * 1000);
const lifetime: Lifetime = {
  defaultSeconds: 3600,
  maxSeconds: 7200,
  tokenTtl: undefined,
  tokenEnds: undefined,
  authoritiesEnd: later(86_400),
  at: NOON,
};
const NAMES = ['web.group1.example.org', 'web.example.org'];
const templates = ['{{vm_name}}.{{resource_group}}.{{cluster}}', '{{vm_name}}.{{cluster}}'];
const token = { ...joinToken, spec: { ...joinToken.spec, host_names: templates } };
const host = hostOwner('Node', token, { cluster: 'example.org', domains: [] });
const grant = (wish: Partial<CertificateWish> = {}) =>
  host.grant(
    { name: 'identity', csr: '', type: 'host', ...wish },
    'request.certificates[0]',
    lifetime,
    NAMES,
  );

test('belongs to its system role, and no lock names it by a bot', () => {
  expect(host).toMatchObject({ key: 'host:Node', bot: undefined, lockTargets: {} });
});

describe('its names', () => {
  const facts = { ...NO_NAME_FACTS, vm_name: 'web', resource_group: 'group1' };

  test('are made of what was attested', () => {
    expect(host.namesOf(facts)).toEqual(NAMES);
  });

  test('are denied where none can be made', () => {
    expect(() => host.namesOf({ ...facts, resource_group: undefined })).toThrow(
      expect.objectContaining({
        code: 'access_denied',
        reason: 'host_name_impossible',
        message: `no name can be made of ${templates[0]}: the machine has no resource_group`,
      }),
    );
  });
});

describe('its certificate', () => {
  test('is for all of its names', () => {
    const granted = { type: 'host', role: 'Node', names: NAMES };
    expect(grant()).toEqual({ ...granted, expires: later(3600) });
    expect(grant({ ttl: '24h' })).toEqual({ ...granted, expires: later(7200) });
  });

  test.each<[string, Partial<CertificateWish>, string, string]>([
    ['a user', { type: 'user' }, 'type', 'expected host: a Node is no user'],
    ['nothing that it says', { type: undefined }, 'type', 'expected host: a Node is no user'],
    ['roles', { roles: [] }, 'roles', 'expected none: a host has no roles'],
  ])('is refused for %s', (_, wish, field, message) => {
    expect(() => grant(wish)).toThrow(
      expect.objectContaining({
        code: 'bad_request',
        field: `request.certificates[0].${field}`,
        message,
      }),
    );
  });
});
