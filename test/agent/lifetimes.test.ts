/** How long certificates are to be valid, and how often what is asked for: of config and flags, without a whole start. */
import { describe, expect, test } from 'vitest';
import type { StartFlags } from '../../agent/command-line.ts';
import type { ConfigFile } from '../../agent/config-schema.ts';
import { Failure } from '../../agent/failure.ts';
import {
  lifetimesIn,
  lifetimesOf,
  refuseSpread,
  revocationSecondsOf,
} from '../../agent/lifetimes.ts';
import type { AgentSettings } from '../../agent/settings.ts';

const problem = (path: readonly PropertyKey[], flag: string, message: string) =>
  new Failure('usage', `${path.join('.')} ${flag} ${message}`);
const config = (more: object = {}) => ({ version: 'v2', ...more }) as ConfigFile;
const output = (more: object) => ({ type: 'tls', destination: { type: 'memory' }, ...more });

describe('the flags', () => {
  const put = (flags: Partial<StartFlags>, more?: object) =>
    lifetimesIn(flags as StartFlags, more && config(more));

  test('win over the file, under the newer name', () => {
    const file = { certificate_ttl: '2h', renewal_interval: '5m' };
    expect(put({ credentialTtl: '3h', renewalInterval: '1m' }, file)).toEqual(
      config({ credential_ttl: '3h', renewal_interval: '1m' }),
    );
    expect(put({}, file)).toEqual(config(file));
    expect(put({}, {})).toEqual(config());
    expect(put({ credentialTtl: '3h' })).toEqual(config({ credential_ttl: '3h' }));
    expect(put({})).toEqual(config());
  });

  test.each([
    [{ credentialTtl: 'x' }, '--credential-ttl: expected a duration'],
    [{ renewalInterval: '' }, '--renewal-interval: expected a duration'],
  ])('%j are refused', (flags, said) => {
    expect(() => put(flags)).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringContaining(said) }),
    );
  });
});

describe('the lifetimes', () => {
  const of = (more: object, oneshot = false) => lifetimesOf(config(more), oneshot, problem);

  test('are an hour, and a third of it, where nothing is said', () => {
    expect(of({})).toEqual({ certificateTtlSeconds: 3600, renewalIntervalSeconds: 1200 });
  });

  test('are those of the file: the shortest third, or what is asked for', () => {
    expect(of({ certificate_ttl: '100s' }).renewalIntervalSeconds).toBe(34);
    expect(of({ credential_ttl: '2h', certificate_ttl: '1h' }).certificateTtlSeconds).toBe(7200);
    expect(of({ outputs: [output({ credential_ttl: '30m' })] })).toEqual({
      certificateTtlSeconds: 3600,
      renewalIntervalSeconds: 600,
    });
    const own = { outputs: [output({ renewal_interval: '2m' })] };
    expect(of(own).renewalIntervalSeconds).toBe(120);
    expect(of({ ...own, renewal_interval: '1m' }).renewalIntervalSeconds).toBe(60);
    const rarer = { renewal_interval: '25m', outputs: [output({ credential_ttl: '30m' })] };
    expect(of(rarer).renewalIntervalSeconds).toBe(1500);
  });

  test.each<[object, string]>([
    [
      { credential_ttl: '1h', renewal_interval: '1h' },
      'renewal_interval --renewal-interval renewal_interval (1h) must be shorter than credential_ttl (1h)',
    ],
    [
      { renewal_interval: '61m' },
      'renewal_interval --renewal-interval renewal_interval (61m) must be shorter than certificate_ttl (1h)',
    ],
    [
      { renewal_interval: '30m', outputs: [output({}), output({ credential_ttl: '30m' })] },
      'renewal_interval --renewal-interval renewal_interval (30m) must be shorter than certificate_ttl (30m)',
    ],
    [
      { outputs: [output({}), output({ renewal_interval: '1h' })] },
      'outputs.1.renewal_interval --renewal-interval renewal_interval (1h)',
    ],
  ])('of %j would end before they are renewed', (more, said) => {
    const start = new RegExp(`^${said.replaceAll(/[()]/g, '.')}`);
    expect(() => of(more)).toThrow(start);
    expect(() => of(more, true)).not.toThrow();
  });
});

test('lists are asked for every five minutes, or as the file says: a minute to six hours', () => {
  const of = (text?: string) =>
    revocationSecondsOf(
      text === undefined ? undefined : config({ revocation_interval: text }),
      problem,
    );
  expect([of(), of('1m'), of('6h')]).toEqual([300, 60, 21_600]);
  expect(revocationSecondsOf(config(), problem)).toBe(300);
  for (const text of ['59s', '6h1s'])
    expect(() => of(text)).toThrow(`revocation_interval --config expected 1m to 6h, got ${text}`);
});

describe('with a secret', () => {
  const spread =
    (shortest: number, longest: number, more: object = {}) =>
    () =>
      refuseSpread(
        {
          joinMethod: 'token',
          oneshot: false,
          certificateTtlSeconds: longest,
          outputs: [{ ttlSeconds: shortest }, {}],
          ...more,
        } as unknown as AgentSettings,
        problem,
      );

  test('no certificate lives more than forty times as long as another', () => {
    expect(spread(60, 2400)).not.toThrow();
    expect(spread(60, 2401)).toThrow(
      'outputs --config with join method token no certificate may live more than 40 times as long as another, got 1m and 40m1s',
    );
    // No broker grants more than a day.
    expect(spread(2160, 90_000)).not.toThrow();
    expect(spread(2159, 90_000)).toThrow();
  });

  test('nor where it is the agent whose life is short; with other methods, or once, that is no matter', () => {
    const turned = { certificateTtlSeconds: 60, outputs: [{ ttlSeconds: 2401 }] };
    expect(spread(0, 0, turned)).toThrow('1m and 40m1s');
    expect(spread(60, 2401, { joinMethod: 'azure' })).not.toThrow();
    expect(spread(60, 2401, { oneshot: true })).not.toThrow();
  });
});
