import { describe, expect, test } from 'vitest';
import { parseWith } from '../../../shared/protocol/schema.ts';
import {
  permissionsOf,
  type RoleOptions,
  roleOptions,
} from '../../../shared/resources/role-options.ts';

const parsed = (options: object): RoleOptions => {
  const result = parseWith(roleOptions, options);
  if (!result.ok) throw new Error(`${result.problem.field}: ${result.problem.message}`);
  return result.value;
};
const extensionsOf = (...roles: object[]) => permissionsOf(roles.map(parsed)).extensions;
const sourcesOf = (...lists: (string[] | undefined)[]) =>
  permissionsOf(
    lists.map((source_address) => parsed({ ...(source_address && { source_address }) })),
  ).sourceAddresses;

describe('an SSH certificate permits', () => {
  test('nothing unless a role says so', () => {
    expect(permissionsOf([undefined, {}])).toEqual({ extensions: [], sourceAddresses: undefined });
    expect(extensionsOf({ permit_pty: false, port_forwarding: false })).toEqual([]);
  });

  test.each([
    [{ permit_pty: true }, 'permit-pty'],
    [{ permit_port_forwarding: true }, 'permit-port-forwarding'],
    [{ port_forwarding: true }, 'permit-port-forwarding'],
    [{ permit_agent_forwarding: true }, 'permit-agent-forwarding'],
    [{ forward_agent: true }, 'permit-agent-forwarding'],
    [{ permit_x11_forwarding: true }, 'permit-X11-forwarding'],
    [{ permit_user_rc: true }, 'permit-user-rc'],
  ])('by %j: %s', (options, extension) => {
    expect(extensionsOf(options)).toEqual([extension]);
  });

  test('what one of several roles permits', () => {
    expect(extensionsOf({ permit_pty: true }, { permit_pty: false, permit_user_rc: true })).toEqual(
      ['permit-pty', 'permit-user-rc'],
    );
  });
});

describe('it is taken', () => {
  test.each<[string, (string[] | undefined)[], string[] | undefined]>([
    ['from anywhere', [undefined, undefined], undefined],
    ['from where the one role that says so allows', [undefined, ['203.0.113.7']], ['203.0.113.7']],
    [
      'from what lies in both',
      [
        ['10.0.0.0/8', '192.0.2.1'],
        ['10.1.0.0/16', '192.0.2.0/24'],
      ],
      ['10.1.0.0/16', '192.0.2.1'],
    ],
    ['from what lies in all three', [['10.0.0.0/8'], ['10.1.0.0/16'], ['10.1.2.3']], ['10.1.2.3']],
    ['of IPv6 likewise', [['2001:db8::/32'], ['2001:DB8:0:1::/64', '::1']], ['2001:DB8:0:1::/64']],
    ['from nowhere', [['10.0.0.0/8'], ['11.0.0.0/8', '::/0']], []],
  ])('%s', (_, lists, sources) => {
    expect(sourcesOf(...lists)).toEqual(sources);
  });
});

describe('refuses', () => {
  test.each([
    [{ permit_agent_forwarding: true, forward_agent: true }, 'forward_agent: expected it once'],
    [{ permit_port_forwarding: true, port_forwarding: false }, 'port_forwarding: expected it once'],
    [{ permit_pty: 'yes' }, 'permit_pty: expected true or false'],
    [{ pin_source_ip: true }, 'pin_source_ip'],
    [{ source_address: [] }, 'source_address: expected at least one'],
  ])('%j', (options, message) => {
    expect(() => parsed(options)).toThrow(message);
  });

  test.each([
    '',
    'localhost',
    '10.0.0.1/8',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/',
    '10.0.0',
    '2001:db8::1/32',
    '2001:db8::/129',
    '::ffff:10.0.0.1',
    'fe80::1%eth0',
    '10.0.0.0/8,0.0.0.0/0',
    '!10.0.0.0/8',
    '*',
  ])('the address %j', (address) => {
    expect(() => parsed({ source_address: [address] })).toThrow('source_address[0]: expected');
  });
});
