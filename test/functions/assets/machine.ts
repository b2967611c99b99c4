/** Machines to install on, and the built broker in the local host that they install from. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { createFunctionsHost } from '../../../local/functions-host.ts';
import { type Outcome, runProgram } from '../../../local/programs.ts';
import { programPath } from '../../programs.ts';
import { ROOT } from '../../scenarios/scenario.ts';

/** Enough to compose a broker; nobody is asked at these addresses. */
const SETTINGS = {
  JOIN_BROKER_CLUSTER_NAME: 'install.example.org',
  JOIN_BROKER_OPERATORS_TENANT: '00000000-0000-4000-8000-000000000001',
  JOIN_BROKER_OPERATORS_CLIENT_ID: '00000000-0000-4000-8000-0000000000aa',
  JOIN_BROKER_TABLES_URL: 'https://install.table.core.windows.net',
  JOIN_BROKER_KEY_VAULT_URL: 'https://install.vault.azure.net',
};
/** What the script calls, besides the shell, node and one that downloads. */
const PROGRAMS = 'cat chmod cut id mkdir mktemp mv printf readlink rm sha256sum touch uname'.split(
  ' ',
);

export const UNIT = 'etc/systemd/system/joinbot.service';

export const { version: VERSION } = JSON.parse(
  await readFile(join(ROOT, 'package.json'), 'utf8'),
) as {
  version: string;
};

export interface InstallingBroker {
  readonly url: string;
  /** The install script as it answers it. */
  script(): Promise<string>;
  close(): Promise<void>;
}

export async function startBroker(): Promise<InstallingBroker> {
  const host = await createFunctionsHost(ROOT, { env: SETTINGS, log: () => {} });
  const url = await host.listen();
  return {
    url,
    script: async () => (await fetch(`${url}/scripts/install.sh`)).text(),
    close: host.close,
  };
}

export const newFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'install-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
};

export interface Machine {
  /** Where everything is installed. */
  readonly root: string;
  /** The only folder in its PATH. */
  readonly programs: string;
  /** Runs a script as guides do, `curl … | sh -s -- arguments`. */
  run(shell: string, script: string, ...args: readonly string[]): Promise<Outcome>;
  /** All files and links below the root. */
  files(): Promise<readonly string[]>;
}

interface MachineOptions {
  /** A shell script in the place of Node.js; `null` for none. */
  readonly node?: string | null;
  /** What downloads. */
  readonly downloader?: 'curl' | 'wget' | null;
}

export async function createMachine({
  node,
  downloader = 'curl',
}: MachineOptions = {}): Promise<Machine> {
  const folder = await newFolder();
  const [root, programs, temporary] = ['root', 'programs', 'tmp'].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  for (const path of [root, programs, temporary]) await mkdir(path);
  for (const name of [...PROGRAMS, 'sh', 'bash', ...(downloader ? [downloader] : [])]) {
    const path = programPath(name);
    if (path !== undefined) await symlink(path, join(programs, name));
  }
  if (node === undefined) await symlink(process.execPath, join(programs, 'node'));
  else if (node !== null) {
    await writeFile(join(programs, 'node'), `#!/bin/sh\n${node}\n`);
    await chmod(join(programs, 'node'), 0o755);
  }
  return {
    root,
    programs,
    async run(shell, script, ...args) {
      const file = join(folder, 'script');
      await writeFile(file, script);
      const line = 'shell=$1 file=$2; shift 2; cat "$file" | "$shell" -s -- "$@"';
      const outcome = await runProgram('/bin/sh', ['-c', line, 'sh', shell, file, ...args], {
        cwd: folder,
        env: { PATH: programs, TMPDIR: temporary, JOINBOT_ROOT: root },
      });
      if (!outcome) throw new Error('there is no /bin/sh');
      // Whatever happened, nothing is left behind.
      expect(await readdir(temporary)).toEqual([]);
      return outcome;
    },
    async files() {
      const found = await readdir(root, { recursive: true, withFileTypes: true });
      return found
        .filter((entry) => !entry.isDirectory())
        .map(({ parentPath, name }) => relative(root, join(parentPath, name)))
        .toSorted();
    },
  };
}

/** What it said when it refused to install. */
export const refused = (outcome: Outcome): string => {
  expect(outcome).toMatchObject({ code: 1, stderr: expect.stringMatching(/^Not installed: /m) });
  return outcome.stderr;
};
