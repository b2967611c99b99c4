/** Where an agent may keep its own identity and write those of others. */
import { join } from 'node:path';
import process from 'node:process';
import { describe, expect, test } from 'vitest';
import type { StartFlags } from '../../agent/command-line.ts';
import { MOST_OUTPUTS } from '../../agent/config-schema.ts';
import { Failure } from '../../agent/failure.ts';
import type { AgentSettings, Output, Storage } from '../../agent/settings.ts';
import { checkDirectories, placeOfFlag, storageOf } from '../../agent/start-directories.ts';

const MEMORY = { type: 'memory' } as const;
const directory = (path: string) => ({ type: 'directory', path }) as const;

describe('a place on the command line is', () => {
  test.each<[string, Storage]>([
    ['memory', MEMORY],
    ['memory://', MEMORY],
    ['/var/lib/bot', directory('/var/lib/bot')],
    ['file:///var/lib/bot/', directory('/var/lib/bot')],
    ['a/../b', directory(join(process.cwd(), 'b'))],
  ])('%s', (value, place) => {
    expect(placeOfFlag('--data-dir', value)).toEqual(place);
  });

  const FORMS = 'expected a directory, file:///directory or memory://';
  test.each([
    ['~/bot', FORMS],
    ['file://bot', FORMS],
    ['kubernetes-secret://a', FORMS],
    ['MEMORY://', FORMS],
    ['memory:///a', FORMS],
    ['xfile:///a', FORMS],
    ['/a\u0000/s3:', expect.not.stringContaining(FORMS)],
    ['', expect.not.stringContaining(FORMS)],
  ])('not %j', (value, said) => {
    const message =
      typeof said === 'string' ? expect.stringContaining(`--data-dir: ${said}, got `) : said;
    expect(() => placeOfFlag('--data-dir', value)).toThrow(
      expect.objectContaining({ code: 'usage', message }),
    );
  });
});

test("the agent's own place is that of the flag, else of the config, else memory", () => {
  const flags = { dataDir: '/flag' } as StartFlags;
  const none = {} as StartFlags;
  const config = (storage?: object) => ({ storage }) as never;
  expect(storageOf(flags, config(directory('/config')))).toEqual(directory('/flag'));
  expect(storageOf(none, config(directory('/config/./a')))).toEqual(directory('/config/a'));
  expect(storageOf(none, config(MEMORY))).toEqual(MEMORY);
  expect(storageOf(none, config())).toEqual(MEMORY);
  expect(storageOf(none, undefined)).toEqual(MEMORY);
  expect(() => storageOf({ dataDir: '~' } as StartFlags, undefined)).toThrow('--data-dir: ');
});

describe('an agent', () => {
  const problem = (path: readonly PropertyKey[], flag: string, message: string) =>
    new Failure('config', `${path.join()} ${flag} ${message}`);
  const check = (
    storage: Storage,
    destinations: readonly object[] = [],
    joinMethod: AgentSettings['joinMethod'] = 'azure',
  ) => {
    const outputs = destinations.map((destination) => ({ destination }) as Output);
    checkDirectories({ storage, outputs, joinMethod } as unknown as AgentSettings, problem);
  };
  const OUTPUTS = 'outputs --destination-dir';

  test.each([
    '/a',
    '/device',
    '/processes',
    '/system/a',
    '/dev/shm/bot',
    '/run/dev',
    '/home/proc/sys',
  ])('may keep things in %s', (path) => {
    expect(() => check(directory(path))).not.toThrow();
    expect(() => check(MEMORY, [directory(path)])).not.toThrow();
  });

  test.each(['/', '/dev', '/proc', '/sys', '/dev/a', '/proc/1/a', '/dev/shm', '/dev/a/dev/shm/'])(
    'has no place in %j, which is not its own',
    (path) => {
      const said = 'expected a directory of its own, got ';
      expect(() => check(directory(path))).toThrow(`storage --data-dir ${said}`);
      expect(() => check(MEMORY, [directory(path)])).toThrow(`${OUTPUTS} ${said}`);
    },
  );

  test('has each directory for one thing alone', () => {
    const said = `${OUTPUTS} expected a directory of its own for storage and for each output, got /a twice`;
    expect(() => check(directory('/a'), [directory('/a')])).toThrow(said);
    expect(() => check(MEMORY, [directory('/a'), directory('/b'), directory('/a')])).toThrow(said);
    const others = [{ type: 'kubernetes_secret' }, { type: 'workload_api', path: '/a' }];
    expect(() => check(directory('/a'), [...others, ...others, directory('/b')])).not.toThrow();
  });

  test('has as many outputs as it can have certificates for', () => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, position) => directory(`/out/${position}`));
    expect(() => check(MEMORY, many(MOST_OUTPUTS))).not.toThrow();
    expect(() => check(MEMORY, many(MOST_OUTPUTS + 1))).toThrow(
      `${OUTPUTS} expected at most ${MOST_OUTPUTS} in all, got ${MOST_OUTPUTS + 1}`,
    );
  });

  test('does not forget what a secret brought', () => {
    expect(() => check(MEMORY, [], 'token')).toThrow(
      'storage --data-dir join method token needs a directory that outlives restarts, got memory: write storage: {type: directory, path: /var/lib/joinbot}, or give --data-dir=/var/lib/joinbot',
    );
    expect(() => check(directory('/a'), [], 'token')).not.toThrow();
    expect(() => check(MEMORY, [], 'iam')).not.toThrow();
  });
});
