import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { ARROWS } from '../../scripts/arrows.ts';
import { checkArrows } from '../../scripts/check-arrows.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** A project of which only the imports are real. */
async function projectOf(files: Record<string, string>): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'project-')));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

/** `file:line` of the imports that run against an arrow. */
function found(root: string): string[] {
  const { stdout } = checkArrows(root, ['--reporter=github', '--max-diagnostics=none']);
  return [...stdout.matchAll(/file=([^,]+),line=(\d+)/g)].map(
    ([, file, line]) => `${posix.relative(root, `${file}`)}:${line}`,
  );
}

/** By the file that imports: what it may import, and what it may not. */
const EXAMPLES: Record<string, { may?: readonly string[]; mayNot: readonly string[] }> = {
  'shared/encoding/x.ts': {
    may: ['shared/encoding/y.ts'],
    mayNot: ['shared/protocol/y.ts', 'shared/refusal.ts'],
  },
  'shared/protocol/x.ts': { may: ['shared/encoding/y.ts'], mayNot: ['shared/refusal.ts'] },
  'shared/azure-credential.ts': { mayNot: ['shared/settings.ts'] },
  'shared/call.ts': { may: ['shared/request-id.ts'], mayNot: ['shared/telemetry/y.ts'] },
  'shared/deadline.ts': { may: ['shared/refusal.ts'], mayNot: ['shared/telemetry/y.ts'] },
  'shared/do-each.ts': { mayNot: ['shared/telemetry/y.ts'] },
  'shared/fetch-http-client.ts': { mayNot: ['shared/telemetry/y.ts'] },
  'shared/fetch-text.ts': { mayNot: ['shared/telemetry/y.ts'] },
  'shared/first-use.ts': { mayNot: ['shared/telemetry/y.ts'] },
  'shared/lookups.ts': { mayNot: ['shared/telemetry/y.ts'] },
  'shared/refusal.ts': { may: ['shared/protocol/y.ts'], mayNot: ['shared/joining/y.ts'] },
  'shared/remembered.ts': { mayNot: ['shared/storage/y.ts'] },
  'shared/request-id.ts': { may: ['shared/encoding/y.ts'], mayNot: ['shared/broker.ts'] },
  'shared/retry-after.ts': { may: ['shared/refusal.ts'], mayNot: ['shared/storage/y.ts'] },
  'shared/resources/x.ts': {
    may: ['shared/protocol/y.ts', 'shared/encoding/y.ts', 'shared/refusal.ts'],
    mayNot: ['shared/storage/y.ts', 'shared/joining/y.ts'],
  },
  'shared/storage/x.ts': {
    may: ['shared/resources/y.ts', 'shared/encoding/y.ts'],
    mayNot: [
      'shared/telemetry/y.ts',
      'shared/attestation/y.ts',
      'shared/authority/y.ts',
      'shared/joining/y.ts',
      'shared/operators/y.ts',
    ],
  },
  'shared/attestation/x.ts': {
    may: ['shared/encoding/y.ts', 'shared/lookups.ts'],
    mayNot: ['shared/telemetry/y.ts', 'shared/storage/y.ts', 'shared/resources/y.ts'],
  },
  'shared/attestation/azure/x.ts': {
    may: ['shared/attestation/azure/y.ts', 'shared/attestation/y.ts', 'shared/encoding/y.ts'],
    mayNot: ['shared/attestation/aws/y.ts', 'shared/telemetry/y.ts'],
  },
  'shared/attestation/aws/x.ts': {
    may: ['shared/protocol/y.ts', 'shared/refusal.ts'],
    mayNot: ['shared/attestation/azure/y.ts', 'shared/joining/y.ts'],
  },
  'shared/authority/x.ts': {
    may: ['shared/storage/table.ts'],
    mayNot: ['shared/storage/y.ts', 'shared/telemetry/y.ts', 'shared/operators/y.ts'],
  },
  'shared/telemetry/x.ts': {
    may: ['shared/storage/y.ts', 'shared/attestation/azure/y.ts', 'shared/authority/y.ts'],
    mayNot: ['shared/joining/y.ts', 'shared/operators/y.ts', 'shared/broker.ts'],
  },
  'shared/joining/x.ts': {
    may: ['shared/attestation/azure/y.ts', 'shared/joining/owners/y.ts', 'shared/telemetry/y.ts'],
    mayNot: [
      'shared/broker.ts',
      'shared/operators/y.ts',
      'shared/probing/y.ts',
      'shared/joining/methods/token.ts',
    ],
  },
  'shared/joining/owners/x.ts': {
    may: ['shared/joining/y.ts', 'shared/resources/y.ts'],
    mayNot: ['shared/joining/methods/token.ts', 'shared/operators/y.ts', 'functions/y.ts'],
  },
  'shared/joining/join.ts': {
    may: ['shared/joining/methods/methods.ts', 'shared/joining/y.ts'],
    mayNot: ['shared/joining/methods/token.ts', 'shared/operators/y.ts', 'shared/broker.ts'],
  },
  'shared/joining/explain.ts': {
    may: ['shared/joining/methods/told-rules.ts', 'shared/joining/y.ts'],
    mayNot: ['shared/joining/methods/token.ts', 'shared/operators/y.ts', 'shared/broker.ts'],
  },
  'shared/joining/methods/iam.ts': {
    may: ['shared/joining/methods/method.ts', 'shared/joining/y.ts', 'shared/attestation/aws/y.ts'],
    mayNot: ['shared/joining/methods/token.ts', 'shared/operators/y.ts'],
  },
  'shared/joining/methods/methods.ts': {
    may: ['shared/joining/methods/iam.ts', 'shared/joining/methods/token.ts'],
    mayNot: ['shared/probing/y.ts'],
  },
  'shared/operators/x.ts': {
    may: ['shared/attestation/azure/y.ts', 'shared/resources/y.ts', 'shared/storage/y.ts'],
    mayNot: ['shared/joining/y.ts', 'shared/joining/methods/token.ts', 'shared/broker.ts'],
  },
  'shared/revocation/x.ts': {
    may: ['shared/authority/y.ts', 'shared/storage/y.ts'],
    mayNot: ['shared/joining/y.ts'],
  },
  'shared/foundation.ts': {
    may: ['shared/joining/methods/methods.ts', 'shared/storage/y.ts', 'shared/telemetry/y.ts'],
    mayNot: ['shared/broker.ts', 'shared/broker-for-joiners.ts', 'functions/y.ts'],
  },
  'shared/broker-for-joiners.ts': {
    may: ['shared/foundation.ts', 'shared/joining/join.ts'],
    mayNot: ['shared/broker.ts', 'shared/joining/methods/token.ts', 'functions/y.ts'],
  },
  'shared/probing/x.ts': {
    may: ['shared/joining/probe-mark.ts', 'shared/call.ts'],
    mayNot: ['shared/broker.ts', 'shared/joining/y.ts'],
  },
  'shared/openapi.ts': { may: ['shared/resources/y.ts'], mayNot: ['shared/storage/y.ts'] },
  'shared/settings-schema.ts': { mayNot: ['shared/settings.ts'] },
  'shared/settings-about.ts': {
    may: ['shared/settings-schema.ts'],
    mayNot: ['shared/settings.ts'],
  },
  'shared/settings.ts': { may: ['shared/settings-schema.ts'], mayNot: ['shared/storage/y.ts'] },
  'shared/broker-for-operators.ts': {
    may: ['shared/operators/y.ts', 'shared/joining/y.ts', 'shared/authority/y.ts'],
    mayNot: ['shared/joining/methods/token.ts', 'shared/broker.ts'],
  },
  'shared/broker.ts': {
    may: ['shared/joining/y.ts', 'shared/settings.ts', 'shared/joining/methods/methods.ts'],
    mayNot: [
      'shared/joining/methods/token.ts',
      'functions/y.ts',
      'local/y.ts',
      'agent/y.ts',
      'admin/y.ts',
      'bench/y.ts',
      'scripts/y.ts',
      'test/y.ts',
    ],
  },
  'shared/new/x.ts': { mayNot: ['shared/encoding/y.ts', 'shared/new/y.ts'] },
  'shared/new.ts': { mayNot: ['shared/encoding/y.ts'] },

  'shared/http/x.ts': { mayNot: ['shared/encoding/y.ts', 'agent/y.ts'] },
  'agent/x.ts': {
    may: ['shared/http/y.ts', 'shared/encoding/y.ts', 'shared/protocol/y.ts', 'agent/y.ts'],
    mayNot: ['shared/refusal.ts', 'admin/y.ts', 'shared/broker.ts'],
  },
  'admin/commands/x.ts': {
    may: ['shared/http/y.ts', 'admin/y.ts', 'admin/sign-in/y.ts', 'shared/protocol/y.ts'],
    mayNot: ['agent/y.ts', 'shared/resources/y.ts', 'functions/y.ts'],
  },
  'functions/x.ts': {
    may: ['shared/broker.ts', 'shared/joining/y.ts'],
    mayNot: ['local/y.ts', 'shared/joining/methods/token.ts'],
  },
  'local/azure/services/x.ts': {
    may: ['shared/encoding/y.ts', 'local/azure/y.ts', 'local/y.ts', 'scripts/y.ts'],
    mayNot: ['functions/y.ts', 'test/y.ts', 'shared/joining/methods/token.ts'],
  },
  'scripts/x.mjs': { may: ['shared/probing/y.ts'], mayNot: ['shared/broker.ts', 'local/y.ts'] },
  'bench/x.ts': {
    may: ['local/y.ts', 'agent/y.ts', 'shared/broker.ts'],
    mayNot: ['functions/y.ts', 'shared/joining/methods/token.ts'],
  },
  'bench/stranger-others.ts': { may: ['functions/tools.ts'], mayNot: ['functions/y.ts'] },
  'test/shared/joining/methods/x.test.ts': {
    may: ['shared/joining/methods/token.ts', 'shared/broker.ts', 'test/y.ts', 'agent/y.ts'],
    mayNot: ['docs/y.ts'],
  },
};

const written = (from: string, to: string): string => {
  const path = posix.relative(dirname(from), to);
  return path.startsWith('.') ? path : `./${path}`;
};

test('an import against an arrow is found, one along an arrow is not', async () => {
  const examples = Object.entries(EXAMPLES);
  const root = await projectOf(
    Object.fromEntries(
      examples.map(([file, { may = [], mayNot }]) => [
        file,
        [...mayNot, ...may].map((to) => `import '${written(file, to)}';\n`).join(''),
      ]),
    ),
  );
  const expected = examples.flatMap(([file, { mayNot }]) =>
    mayNot.map((_, position) => `${file}:${position + 1}`),
  );
  expect(found(root).sort()).toEqual(expected.sort());
});

test.each(ARROWS)('there is an example for the arrows of $from', ({ from }) => {
  const files = Object.keys(EXAMPLES);
  expect(files.some((file) => file === from || file.startsWith(`${from}/`))).toBe(true);
});

test('an import is found in every form, and by every detour', async () => {
  const forms = [
    `import { a } from '../telemetry/a.ts';`,
    `import type { B } from '../telemetry/a.ts';`,
    `import { type C } from '../telemetry/a.ts';`,
    `import '../telemetry/a.ts';`,
    `export * from '../telemetry/a.ts';`,
    `export type { D } from '../telemetry/a.ts';`,
    `export const e = await import('../telemetry/a.ts');`,
    `import type { F } from './../telemetry/a.ts';`,
    `import type { G } from '../resources/../telemetry/a.ts';`,
    `import type { H } from '../../shared/telemetry/a.ts';`,
  ];
  const root = await projectOf({ 'shared/storage/x.ts': forms.join('\n') });
  expect(found(root)).toHaveLength(forms.length);
});

test('a file that lies too deep for the rules is refused, and says so', async () => {
  const root = await projectOf({ 'local/a/b/c/d/x.ts': `import './y.ts';` });
  const { status, stdout, stderr } = checkArrows(root);
  expect(status).toBe(1);
  expect(stdout + stderr).toContain('No arrows start here: say in scripts/arrows.ts');
});

test('files that import each other are found by the linter, over others and by types too', async () => {
  const root = await projectOf({
    'a.ts': `import type { B } from './b.ts';\nexport type A = B;\n`,
    'b.ts': `import type { C } from './c.ts';\nexport type B = C;\n`,
    'c.ts': `import type { A } from './a.ts';\nexport type C = A | 1;\n`,
    '.gitignore': 'dist/\n',
  });
  await cp(join(PROJECT, 'biome.json'), join(root, 'biome.json'));
  const biome = join(PROJECT, 'node_modules/@biomejs/biome/bin/biome');
  const { status, stdout } = spawnSync(
    process.execPath,
    [biome, 'check', '--reporter=github', '.'],
    { cwd: root, encoding: 'utf8' },
  );
  expect(status).toBe(1);
  expect(stdout.match(/noImportCycles/g)).toHaveLength(3);
});
