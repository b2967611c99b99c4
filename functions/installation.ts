/**
 * What machines are installed with, as the build lays it beside the bundle: the script, the tools, and a file that says
 * what they are. Everything is read when somebody asks for it, so that no start waits for it.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { parseJsonWith } from '../shared/protocol/schema.ts';
import { unavailable } from '../shared/refusal.ts';
import { type ToolName, type ToolsFile, toolsFile } from '../shared/tools-file.ts';

export interface Installation {
  /** The script, with its placeholders. */
  readonly script: () => Promise<string>;
  readonly tools: () => Promise<ToolsFile>;
  /** A tool that is what `tools` says. Its bytes are read by who sends them, and kept by nobody. */
  readonly tool: (name: ToolName) => Promise<Tool>;
}

export interface Tool {
  readonly sha256: string;
  readonly read: () => Promise<Uint8Array>;
}

/** The part of `node:fs/promises` that is needed. */
export interface Files {
  readFile(path: string): Promise<Buffer>;
  stat(path: string): Promise<{ readonly size: number; readonly mtimeMs: number }>;
}

/** What is in `folder`. All answers throw `unavailable` where the deployed package has not what the build made. */
export function openInstallation(
  folder: () => string,
  { readFile, stat }: Files = { readFile: fs.readFile, stat: fs.stat },
): Installation {
  /** By name: anybody may ask, so a tool is hashed again only where its file, or what it should be, has changed. */
  const checked = new Map<
    ToolName,
    { readonly mark: string; readonly sha256: Promise<string | undefined> }
  >();

  async function present<T>(name: string, ask: (path: string) => Promise<T>): Promise<T> {
    try {
      return await ask(join(folder(), name));
    } catch (error) {
      throw incomplete(`${name} is missing`, error);
    }
  }
  const text = async (name: string): Promise<string> =>
    (await present(name, readFile)).toString('utf8');
  const tools = async (): Promise<ToolsFile> => {
    const parsed = parseJsonWith(toolsFile, await text(TOOLS_FILE));
    if (!parsed.ok) throw incomplete(`${TOOLS_FILE} is damaged`, parsed.problem.message);
    return parsed.value;
  };
  /** The tool's SHA-256; `undefined` where it should have another one. */
  async function check(name: ToolName): Promise<string | undefined> {
    const [bytes, { sha256 }] = await Promise.all([present(name, readFile), tools()]);
    const found = createHash('sha256').update(bytes).digest('hex');
    return found === sha256[name] ? found : undefined;
  }
  /** The same; what can't be read is tried again. */
  async function checkOnce(name: ToolName): Promise<string | undefined> {
    const stats = await Promise.all([name, TOOLS_FILE].map((file) => present(file, stat)));
    const mark = stats.map(({ size, mtimeMs }) => `${size} ${mtimeMs}`).join();
    const known = checked.get(name);
    if (known?.mark === mark) return known.sha256;
    const sha256 = check(name).catch((error: unknown) => {
      checked.delete(name);
      throw error;
    });
    checked.set(name, { mark, sha256 });
    return sha256;
  }

  return {
    script: () => text('install.sh'),
    tools,
    async tool(name) {
      const sha256 = await checkOnce(name);
      if (sha256 === undefined) throw incomplete(`${name} is damaged`);
      return { sha256, read: () => present(name, readFile) };
    },
  };
}

const TOOLS_FILE = 'tools.json';

/** Only a new deployment mends it. */
const incomplete = (what: string, cause?: unknown) =>
  unavailable(
    `${what} in what was deployed: deploy the package that "npm run package" makes`,
    300,
    cause,
  );
