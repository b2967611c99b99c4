/** What the fields that every output has may say. */
import { describe, expect, test } from 'vitest';
import type * as z from 'zod/mini';
import {
  absolutePath,
  COMMON_FIELDS,
  directory,
  directoryPath,
  memory,
  noSelector,
  readerList,
} from '../../../agent/outputs/common-fields.ts';

const { name, destination, roles, reload } = COMMON_FIELDS;

/** `undefined` where a value is taken, else what is said of it. */
const complaint = (field: z.core.$ZodType, value: unknown): string | undefined =>
  (field as z.ZodMiniType).safeParse(value).error?.issues[0]?.message;

function expectTaken(field: z.core.$ZodType, values: readonly unknown[]): void {
  expect(values.filter((value) => complaint(field, value) !== undefined)).toEqual([]);
}

function expectRefused(field: z.core.$ZodType, values: readonly unknown[], said = ''): void {
  expect(values.filter((value) => !complaint(field, value)?.includes(said))).toEqual([]);
}

const inDirectory = (more: object) => ({ type: 'directory', path: '/a', ...more });
const inSecret = (more: object) => ({ type: 'kubernetes_secret', name: 'a', ...more });
const long = (length: number) => 'x'.repeat(length);
const many = <T>(count: number, one: T): readonly T[] => Array.from({ length: count }, () => one);

describe('the path of a directory', () => {
  test('may be relative, and have a tilde or a colon where they mean nothing', () => {
    const odd = ['./~', '/a/~', '/a/~/b', '~a', '/a:b', '1:b', '.a:b', '/$', '/{}'];
    expectTaken(directoryPath, ['/a', 'a', ...odd, long(1024)]);
  });

  test('has no home directory and no scheme', () => {
    const paths = ['~', '~/', '~/a', 'file:a', 'FILE:a', 'a:', 'a+.-9:b'];
    expectRefused(directoryPath, paths, 'expected a plain path such as /var/lib/joinbot: ~ and');
    // Nothing else is said of one of these.
    expect((directoryPath as z.ZodMiniType).safeParse('~/"').error?.issues).toHaveLength(1);
  });

  test('has nothing that means something in a configuration of OpenSSH', () => {
    const control = ['/a\nb', '\n/a', '/a\n', '/a\u0085'];
    const paths = ['', '/a"', '"a', '/a\\b', ...control, '/$\x7Ba}', '$\x7Ba', long(1025)];
    expectRefused(directoryPath, paths, 'expected a path without quotes, backslashes,');
  });

  test('is absolute where a relative one has no meaning', () => {
    expectTaken(absolutePath, ['/a']);
    expectRefused(absolutePath, ['a', 'a/b', './a'], 'expected an absolute path');
    expectRefused(absolutePath, ['/a"'], 'without quotes');
    expectRefused(absolutePath, ['~/a'], 'expected a plain path');
  });
});

describe('where an output goes', () => {
  test('is a directory, memory or a secret of Kubernetes', () => {
    expectTaken(destination, [
      ...['secure', 'insecure', 'try-secure'].map((symlinks) => inDirectory({ symlinks })),
      ...['off', 'try', 'required'].map((acls) => inDirectory({ acls })),
      { type: 'memory' },
      inSecret({}),
    ]);
    const others = [{ type: 'tape' }, { type: '' }, {}];
    expectRefused(destination, others, 'expected directory, memory or kubernetes_secret');
    expectRefused(destination, [
      ...[{ symlinks: '' }, { acls: '' }, { path: '~' }, { more: 1 }].map(inDirectory),
      { type: 'memory', path: '/a' },
      inSecret({ more: 1 }),
      { type: 'kubernetes_secret' },
    ]);
  });

  test('is a directory or memory for what the agent keeps, and has no readers', () => {
    expectTaken(directory, [inDirectory({})]);
    expectRefused(directory, [{ type: 'memory' }, { readers: [] }, { path: '~' }].map(inDirectory));
    expectTaken(memory, [{ type: 'memory' }]);
    expectRefused(memory, [{ type: '' }, { type: 'memory', more: 1 }]);
  });
});

describe('who reads an output', () => {
  test('is a user or a group, by a name that is no other entry and no flag of setfacl', () => {
    const names = ['a', '_a', 'A', 'www-data', 'a.b_c-9', long(64)];
    const others = ['', '-R', '9', 'a:rwx', 'a,o', 'a b', 'a\n', ' a', '.a', long(65)];
    const both = (name: string) => [{ user: name }, { group: name }];
    const inList = (one: unknown) => [one];
    const more = [{}, { user: 'a', group: 'b' }, { user: 'a', more: 1 }, { group: 'a', more: 1 }];
    expectTaken(readerList, names.flatMap(both).map(inList));
    expectRefused(readerList, [...others.flatMap(both), ...more, 'a'].map(inList));
    expectRefused(readerList, [[{}]], 'expected {user: name} or {group: name}');
    expectRefused(readerList, [[{ user: '-R' }]], 'expected');
    expectTaken(destination, [inDirectory({ readers: [{ user: 'a' }] })]);
    expectRefused(destination, [inDirectory({ readers: [{ user: 'a:rwx' }] })]);
  });

  test('is at most 32 of them', () => {
    expectTaken(readerList, [[], many(32, { user: 'a' })]);
    expectRefused(readerList, [many(33, { user: 'a' })]);
  });

  test('may be said by a mode that lets others read at most', () => {
    const modes = (...texts: readonly unknown[]) => texts.map((mode) => inDirectory({ mode }));
    expectTaken(destination, modes('0600', '600', '0640', '0604', '0644', '644'));
    const others = ['0660', '0602', '0700', '0400', '0641', '00640', '10640', '06400', 'x640', ''];
    expectRefused(destination, modes(...others), 'expected a mode that lets others read at most');
    // YAML reads it as a number, and not as one in octal.
    expectRefused(destination, modes(640), 'expected a mode in quotes');
  });
});

describe('a secret of Kubernetes', () => {
  test('has a name that is no other path of the API', () => {
    const inBoth = (name: string) => [inSecret({ name }), inSecret({ namespace: name })];
    const names = [
      'a',
      '9',
      'ab',
      'a-b',
      'a.b',
      'ab.cd',
      'a.b-c',
      'a.bcd',
      'a9.9b',
      'a--b',
      `${long(251)}.a`,
    ];
    const odd = ['a..b', 'a.-b', 'a-.b', 'a_b', 'a.b_', 'a.b_c', '_.a', 'a\n', 'a b', long(254)];
    const others = ['', 'A', 'a/b', 'a/', '/a', '-a', 'a-', '.a', 'a.', ...odd];
    expectTaken(destination, names.flatMap(inBoth));
    expectRefused(destination, others.flatMap(inBoth), 'expected a name of Kubernetes');
  });

  test('is of one of two types', () => {
    const of = (secret_type: string) => inSecret({ secret_type });
    expectTaken(destination, ['Opaque', 'kubernetes.io/tls'].map(of));
    expectRefused(destination, ['', 'opaque'].map(of));
  });

  test('has labels as Kubernetes has them', () => {
    const withLabel = (text: string) => inSecret({ labels: { a: text } });
    const others = ['-', '-a', 'a-', 'a/b', 'a b', 'a\n', '/a', 'a/', long(64)];
    expectTaken(destination, ['', 'a', '9', 'A.b_c-9', long(63)].map(withLabel));
    expectRefused(destination, others.map(withLabel), 'expected the value of a label');
    const withKey = (length: number) => inSecret({ labels: { [long(length)]: '' } });
    expectTaken(destination, [withKey(317)]);
    expectRefused(destination, [withKey(318)]);
  });
});

describe('who is told of new files', () => {
  const signal = (more: object) => ({ signal: 'HUP', pid_file: '/a', program: 'a', ...more });

  test('is asked by a command', () => {
    const commands = (...all: readonly unknown[]) => all.map((command) => ({ command }));
    expectTaken(reload, commands(['a'], ['/a', '-b c'], many(32, 'a'), [long(1024)]));
    const words = ['', 'a\nb', '\na', 'a\n', long(1025)].map((one) => [one]);
    expectRefused(reload, commands([], many(33, 'a'), 'a', ...words));
    expectRefused(reload, [{ command: ['a'], more: 1 }]);
    expectRefused(reload, commands(['a\nb']), 'expected text without control characters');
  });

  test('is asked by a signal, as the program that it has to be', () => {
    expectTaken(
      reload,
      ['HUP', 'USR1', 'USR2'].map((one) => signal({ signal: one })),
    );
    expectRefused(reload, [{ signal: 'KILL' }, { signal: '' }, { more: 1 }].map(signal));
    expectRefused(reload, [signal({ pid_file: 'a' })], 'expected an absolute path');
    const programs = (...all: readonly string[]) => all.map((program) => signal({ program }));
    expectTaken(reload, programs('a', 'A.b_c+d-9', long(64)));
    expectRefused(reload, programs('', 'a/b', '/a', 'a/', 'a b', long(65)));
  });

  test('is asked by a unit of systemd, whose name is no flag of systemctl', () => {
    const units = (...all: readonly string[]) => all.map((systemd_unit) => ({ systemd_unit }));
    expectTaken(reload, units('a', '9', 'a@b:c_d.e-f', long(251)));
    const others = units('', '-h', '@a', 'a/b', 'a/', 'a b', long(252));
    expectRefused(reload, others, 'expected a unit of systemd');
    expectRefused(reload, [{ systemd_unit: 'a', more: 1 }]);
  });

  test('is asked in one of these ways', () => {
    expectRefused(
      reload,
      [{}, 'a', { command: ['a'], systemd_unit: 'a' }],
      'expected {command: [program, argument, …]}, {systemd_unit: nginx.service}, or {signal:',
    );
  });
});

test('an output may have a name, and at most 32 roles', () => {
  expectTaken(name, ['a', 'A.b_c+d-9', long(64)]);
  const others = ['', 'a/b', '/a', 'a/', 'a b', long(65)];
  expectRefused(name, others, 'expected a name of at most 64 letters');
  expectTaken(roles, [many(32, 'a')]);
  expectRefused(roles, [many(33, 'a')]);
});

test('no output chooses its SPIFFE ID', () => {
  expectTaken(noSelector, [undefined]);
  expectRefused(noSelector, [{}, ''], "expected none: the SPIFFE ID is the bot's or host's own");
});
