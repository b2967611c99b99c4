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
  /** A tool that is what `tools` says. */
  readonly tool: (name: ToolName) => Promise<Tool>;
}

export interface Tool {
  readonly sha256: string;
  readonly bytes: Uint8Array;
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
  /** By name: anybody may ask, so a tool is read again only where its file, or what it should be, has changed. */
  const kept = new Map<
    ToolName,
    { readonly mark: string; readonly tool: Promise<Tool | undefined> }
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
  /** `undefined` where the tool should be another one. */
  async function readTool(name: ToolName): Promise<Tool | undefined> {
    const [bytes, { sha256 }] = await Promise.all([present(name, readFile), tools()]);
    const found = createHash('sha256').update(bytes).digest('hex');
    return found === sha256[name] ? { sha256: found, bytes } : undefined;
  }
  /** The same; what can't be read is tried again. */
  async function readOnce(name: ToolName): Promise<Tool | undefined> {
    const stats = await Promise.all([name, TOOLS_FILE].map((file) => present(file, stat)));
    const mark = stats.map(({ size, mtimeMs }) => `${size} ${mtimeMs}`).join();
    const known = kept.get(name);
    if (known?.mark === mark) return known.tool;
    const tool = readTool(name).catch((error: unknown) => {
      kept.delete(name);
      throw error;
    });
    kept.set(name, { mark, tool });
    return tool;
  }

  return {
    script: () => text('install.sh'),
    tools,
    async tool(name) {
      const tool = await readOnce(name);
      if (!tool) throw incomplete(`${name} is damaged`);
      return tool;
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
