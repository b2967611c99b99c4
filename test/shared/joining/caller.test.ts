import { expect, test } from 'vitest';
import { createCallers, networkOf } from '../../../shared/joining/caller.ts';

const NOON = new Date('2026-11-20T12:00:00Z');

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['203.0.113.7:50123', '203.0.113.7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['[::ffff:203.0.113.7]:443', '203.0.113.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['[2001:DB8:0001:2::9]:443', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['1::2:3:4:5:6:7', '1:0:2:3'],
  // Nobody's tries count for the IPv4 address that stands within another one.
  ['2001:db8::203.0.113.7', '2001:db8:0:0'],
  ['203.0.113.7.8', '203.0.113.7.8:0:0:0'],
  ['2001:db8::[1]', '2001:db8:0:0'],
])('of %s the limit is on %s', (client, network) => {
  expect(networkOf(client)).toBe(network);
});

test('each address has its own count, whatever its port', () => {
  const callers = createCallers({ attempts: 1, perMachine: 1, questions: 1 });
  callers('203.0.113.7:1').countAttempt(NOON);
  expect(() => callers('203.0.113.7:2').countAttempt(NOON)).toThrow('too many joins');
  callers('203.0.113.8:1').countAttempt(NOON);
});

test('an admission takes everything back', () => {
  const callers = createCallers({ attempts: 1, perMachine: 1, questions: 1 });
  for (let i = 0; i < 3; i += 1) {
    const caller = callers('203.0.113.7:1');
    caller.countAttempt(NOON);
    caller.countMachine('vm', NOON);
    caller.countQuestion(NOON);
    caller.admitted();
  }
  callers('203.0.113.7:1').countQuestion(NOON);
  expect(() => callers('203.0.113.7:1').countQuestion(NOON)).toThrow('proved nothing');
});

test('where the address is unknown, only the machine is counted', () => {
  const callers = createCallers({ attempts: 1, perMachine: 1, questions: 1 });
  for (let i = 0; i < 3; i += 1) {
    callers(undefined).countAttempt(NOON);
    callers(undefined).countQuestion(NOON);
  }
  callers(undefined).countMachine('vm', NOON);
  expect(() => callers(undefined).countMachine('vm', NOON)).toThrow('of this machine');
});
