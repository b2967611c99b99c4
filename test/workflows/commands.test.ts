import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../admin/commands/commands.ts';
import { commandsOf, jobs, ROOT } from './workflow-files.ts';

interface Command {
  readonly job: string;
  readonly text: string;
  readonly env: Readonly<Record<string, string>>;
}

const commands: readonly Command[] = jobs.flatMap(([job, { env = {}, steps }]) =>
  steps.flatMap((step) =>
    commandsOf(step.run ?? '').map((text) => ({ job, text, env: { ...env, ...step.env } })),
  ),
);

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** The parameters of a Bicep file: whether each has to be given. */
const parametersOf = (bicep: string): ReadonlyMap<string, boolean> =>
  new Map(
    [...read(bicep).matchAll(/^param (\w+)\b(.*)$/gm)].map(([, name = '', rest = '']) => [
      name,
      !rest.includes('='),
    ]),
  );

describe('az deployment', () => {
  const deployments = commands.filter(({ text }) => text.startsWith('az deployment '));

  it('is used to preview and to deploy', () => {
    expect(deployments.map(({ text }) => text.split(' ').slice(0, 4).join(' '))).toEqual([
      'az deployment sub what-if',
      'az deployment sub create',
    ]);
  });

  it.each(deployments)(
    'names a file of parameters, and gives it every variable: $text',
    ({ text, env }) => {
      const [, file = ''] = /--parameters (\S+\.bicepparam)/.exec(text) ?? [];
      expect(existsSync(join(ROOT, file))).toBe(true);
      const wanted = [...read(file).matchAll(/readEnvironmentVariable\('(\w+)'/g)].map(
        ([, name]) => name,
      );
      expect(Object.keys(env)).toEqual(expect.arrayContaining(wanted));
    },
  );

  it('gives main.bicep all that it needs, and nothing that it does not know', () => {
    const [, template = ''] = /^using '(.+)'$/m.exec(read('infra/main.bicepparam')) ?? [];
    const known = parametersOf(`infra/${template}`);
    const given = [...read('infra/main.bicepparam').matchAll(/^param (\w+) =/gm)].map(
      ([, name = '']) => name,
    );
    expect([...known.keys()]).toEqual(expect.arrayContaining(given));
    expect(given).toEqual(
      expect.arrayContaining([...known].filter(([, needed]) => needed).map(([name]) => name)),
    );
  });
});

describe('every script', () => {
  it.each(commands)('$job: names variables that it is given: $text', ({ text, env }) => {
    const used = [...text.matchAll(/\$([A-Z][A-Z0-9_]*)/g)].map(([, name = '']) => name);
    const own = used.filter((name) => !name.startsWith('GITHUB_'));
    expect(Object.keys(env)).toEqual(expect.arrayContaining(own));
  });

  it.each(commands.filter(({ text }) => /^npm (run )?(?!ci)/.test(text)))(
    '$job: runs a script of package.json: $text',
    ({ text }) => {
      const [, script = ''] = /^npm run (\S+)/.exec(text) ?? [];
      expect(JSON.parse(read('package.json')).scripts).toHaveProperty([script]);
    },
  );

  it.each(commands.filter(({ text }) => /^node \S*joinctl\.cjs/.test(text)))(
    '$job: runs a joinctl command with flags that it has: $text',
    ({ text }) => {
      const words = text.slice(text.indexOf('joinctl.cjs')).split(' ').slice(1);
      const command = COMMANDS.find((known) => known.words.every((word, at) => words[at] === word));
      const flags = words.filter((word) => word.startsWith('--')).map((word) => word.slice(2));
      expect(Object.keys(command?.flags ?? {})).toEqual(expect.arrayContaining(flags));
    },
  );
});

describe('the artifact', () => {
  const uploaded = (jobs.find(([name]) => name === 'deploy.yml build')?.[1].steps ?? [])
    .flatMap((step) => step.with?.['path']?.split('\n') ?? [])
    .filter((path) => path !== '');

  it('has every file of dist that later jobs name', () => {
    const later = commands.filter(
      ({ job }) => job.startsWith('deploy.yml') && job !== 'deploy.yml build',
    );
    const named = later.flatMap(({ text }) => text.match(/dist\/[\w.-]+/g) ?? []);
    expect(named.length).toBeGreaterThan(0);
    expect(uploaded).toEqual(expect.arrayContaining(named));
  });

  it('has nothing that no build makes', () => {
    for (const path of uploaded.filter((file) => file.endsWith('.cjs'))) {
      expect(existsSync(join(ROOT, path))).toBe(true);
    }
  });
});
