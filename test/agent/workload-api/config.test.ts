/** What the config file may say of the Workload API's socket. */
import { expect, test } from 'vitest';
import { workloadApiService } from '../../../agent/workload-api/config.ts';

const complaint = (fields: object): string | undefined =>
  workloadApiService.safeParse({
    type: 'workload-identity-api',
    listen: 'unix:///run/w.sock',
    ...fields,
  }).error?.issues[0]?.message;

test('a socket has an absolute path of at most 81 plain letters', () => {
  const paths = ['a', 'run/joinbot/w.sock', "!#'()*~-_.@", 'x'.repeat(80)];
  for (const path of paths) expect(complaint({ listen: `unix:///${path}` })).toBeUndefined();
  const others = ['', 'a b', 'a\n', 'a"', 'a\\b', '\u00e4', 'x'.repeat(81)];
  for (const listen of [
    ...others.map((path) => `unix:///${path}`),
    ...['unix://a', 'unix:/a', '/a', 'tcp://127.0.0.1:1', ' unix:///a', 'x unix:///a'],
  ])
    expect(complaint({ listen })).toMatch(/^expected a Unix socket, such as /);
});

test('its mode lets others read and write, or do neither', () => {
  for (const mode of ['0600', '0660', '0606', '0666', '600', '660', '666'])
    expect(complaint({ mode })).toBeUndefined();
  for (const mode of ['0640', '0604', '0700', '0200', '00600', '06600', '10600', 'x600', '60', ''])
    expect(complaint({ mode })).toBe('expected "0600", "0660" or "0666"');
  expect(complaint({ mode: 600 })).toBe('expected a mode in quotes, such as "0660"');
});

test('it goes nowhere else, and tells nobody else', () => {
  expect(complaint({ name: 'a', roles: ['a'], credential_ttl: '1h', readers: [] })).toBeUndefined();
  for (const more of [{ destination: { type: 'memory' } }, { reload: { command: ['a'] } }])
    expect(complaint(more)).toBeDefined();
  expect(complaint({ selector: {} })).toMatch(/^expected none: /);
});
