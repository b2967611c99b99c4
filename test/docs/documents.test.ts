/** The documents for operators: their links lead somewhere, and their commands and queries name what exists. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, test } from 'vitest';
import { parseArguments } from '../../admin/arguments.ts';
import { COMMANDS } from '../../admin/commands/commands.ts';
import { GLOBAL_FLAGS } from '../../admin/flags.ts';
import { METRICS } from '../../shared/telemetry/metrics.ts';
import { kustoProblems } from '../infra/kusto.ts';
import { commandsOf } from '../workflows/workflow-files.ts';
import { anchors, codeBlocks, links } from './markdown.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const documents = ['docs/deploy.md', 'docs/runbook.md', 'docs/cost.md'].map((path) => ({
  path,
  text: read(path),
}));
const commands = documents.flatMap(({ text }) => codeBlocks(text, 'sh').flatMap(commandsOf));
const startingWith = (start: string): readonly string[] =>
  commands.filter((command) => command.startsWith(`${start} `));

const guides = readdirSync(join(ROOT, 'docs/guides')).map((name) => `docs/guides/${name}`);
const others = ['docs', 'docs/reference'].flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name}`),
);
const linked = ['README.md', ...guides, ...others].map((path) => ({
  path,
  text: read(path),
}));

describe.each(linked)('$path', ({ path, text }) => {
  it('links to what is there', () => {
    for (const link of links(text).filter((target) => !target.startsWith('https://'))) {
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? path : relative('.', join(dirname(path), file));
      expect(existsSync(join(ROOT, target)), link).toBe(true);
      if (anchor !== undefined) expect(anchors(read(target)), link).toContain(anchor);
    }
  });
});

test('every curl whose answer is kept or run fails where the server answers with an error', () => {
  const kept = linked.flatMap(({ path, text }) =>
    text
      .split('\n')
      .filter((line) => /\bcurl\b.*(?:\| *(?:sudo|sh|bash|tee)\b| -o |>)/.test(line))
      .filter((line) => !line.includes('curl …'))
      .map((line) => [path, line] as const),
  );
  expect(kept.length).toBeGreaterThan(5);
  for (const [path, line] of kept) expect(line, path).toMatch(/\bcurl (?:-\w*f|--fail)/);
});

test('the table of guides in README.md names tests that there are', () => {
  const names = [...read('README.md').matchAll(/`([\w-]+\.test\.ts)`/g)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(10);
  expect(readdirSync(join(ROOT, 'test/scenarios'))).toEqual(expect.arrayContaining(names));
});

describe('docs/runbook.md', () => {
  const text = read('docs/runbook.md');

  it('has a section for every alert, which says what it means, what to look at and what to do', () => {
    const alerts = [...read('infra/alerts.bicep').matchAll(/section: '([\w-]+)'/g)];
    const sections = new Map(
      text.split(/^## /m).map((section) => [anchors(`## ${section.split('\n')[0]}`)[0], section]),
    );
    expect(alerts.length).toBeGreaterThan(0);
    for (const [, alert = ''] of alerts) {
      for (const part of ['**What it means.**', '**What to look at.**', '**What to do.**']) {
        expect(sections.get(alert), alert).toContain(part);
      }
    }
  });
});

describe('the queries', () => {
  const queries = documents.flatMap(({ text }) => codeBlocks(text, 'kusto'));
  const dimensions = Object.values(METRICS).flatMap((metric) => Object.keys(metric.dimensions));
  const members = [...read('shared/telemetry/telemetry.ts').matchAll(/^ {2}readonly (\w+)\??:/gm)];
  const known = new Set([...dimensions, ...members.map(([, name]) => name), 'request_id']);

  it.each(queries)('%s', (query) => {
    expect(kustoProblems(query)).toEqual([]);
    for (const [, name = ''] of query.matchAll(/\bName == "(\w+)"/g)) {
      expect(Object.keys(METRICS)).toContain(name);
    }
    for (const [, member] of query.matchAll(/\bProperties\.(\w+)/g)) {
      expect([...known]).toContain(member);
    }
  });
});

describe('the commands', () => {
  it.each(startingWith('az deployment sub create'))('%s', (command) => {
    const [, template = ''] = /--template-file (\S+)/.exec(command) ?? [];
    const [, given = ''] = /--parameters (.+?)(?= --|$)/.exec(command) ?? [];
    const parameters = [...read(template).matchAll(/^param (\w+)\b(.*)$/gm)];
    const names = [...given.matchAll(/(\w+)=/g)].map(([, name]) => name);
    expect(parameters.map(([, name]) => name)).toEqual(expect.arrayContaining(names));
    const needed = parameters.filter(([, , rest = '']) => !rest.includes('='));
    expect(names).toEqual(expect.arrayContaining(needed.map(([, name]) => name)));
  });

  it.each([...startingWith('npm run'), ...startingWith('npm')])('%s', (command) => {
    const [, , script = ''] = command.split(' ');
    expect(JSON.parse(read('package.json')).scripts).toHaveProperty([script]);
  });

  /** Those that stand in a sentence; the others of the guides are run. */
  const mentioned = [...guides, 'README.md'].flatMap((path) =>
    [...read(path).matchAll(/`(joinctl [^`]+)`/g)].map(([, command = '']) => command),
  );
  it.each([...new Set([...startingWith('joinctl'), ...mentioned])])('%s', (command) => {
    const words = command.replace(/ > \S+$/, '').match(/(?:'[^']*'|\S)+/g) ?? [];
    const { operands, flags } = parseArguments(words.slice(1));
    const found = COMMANDS.find((known) => known.words.every((word, at) => operands[at] === word));
    expect(found).toBeDefined();
    const allowed = [...Object.keys(found?.flags ?? {}), ...Object.keys(GLOBAL_FLAGS)];
    expect(allowed).toEqual(expect.arrayContaining([...flags.keys()]));
  });

  it('run scripts that are there', () => {
    const scripts = commands.flatMap(
      (command) => command.match(/\b(?:infra|dist)\/[\w/.-]+/g) ?? [],
    );
    expect(scripts).toContain('infra/entra.sh');
    for (const script of scripts.filter((path) => !path.endsWith('.zip'))) {
      expect(existsSync(join(ROOT, script)), script).toBe(true);
    }
    expect(statSync(join(ROOT, 'infra/entra.sh')).mode & 0o100).toBe(0o100);
  });

  it('set every variable of deploy.yml, or the document names it', () => {
    const workflow = read('.github/workflows/deploy.yml');
    const wanted = new Set([...workflow.matchAll(/vars\.(\w+)/g)].map(([, name = '']) => name));
    for (const name of wanted) expect(read('docs/deploy.md')).toContain(name);
  });
});
