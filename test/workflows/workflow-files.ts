/** The workflows of `.github/workflows`, as text and as what it says. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = '.github/workflows';

export interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly with?: Readonly<Record<string, string>>;
}

export interface Job {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly 'timeout-minutes'?: number;
  readonly environment?: string | { readonly name: string };
  readonly if?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}

export interface Workflow {
  readonly path: string;
  readonly text: string;
  readonly content: {
    readonly on: Readonly<Record<string, unknown>>;
    readonly permissions?: unknown;
    readonly concurrency?: unknown;
    readonly jobs: Readonly<Record<string, Job>>;
  };
}

export const workflows: readonly Workflow[] = readdirSync(join(ROOT, FOLDER))
  .toSorted()
  .map((name) => {
    const text = readFileSync(join(ROOT, FOLDER, name), 'utf8');
    return { path: `${FOLDER}/${name}`, text, content: parse(text) };
  });

/** Every job with its name, such as `deploy.yml deploy`. */
export const jobs: readonly (readonly [name: string, job: Job])[] = workflows.flatMap(
  ({ path, content }) =>
    Object.entries(content.jobs).map(
      ([name, job]) => [`${path.slice(FOLDER.length + 1)} ${name}`, job] as const,
    ),
);

/** The commands of a script, each on one line, without what is piped into them or follows them. */
export const commandsOf = (script: string): readonly string[] =>
  script
    .replaceAll('\\\n', ' ')
    .split(/\n|&&|\|\||[|;]/)
    .map((command) => command.trim().replace(/\s+/g, ' '))
    .filter((command) => command !== '' && !command.startsWith('#'));
