/**
 * What machines are installed with, as the build lays it beside the bundle: the script, the tools, and a file that says
 * what they are. Everything is read when somebody asks for it, so that no start waits for it.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseJsonWith } from '../shared/protocol/schema.ts';
import { unavailable } from '../shared/refusal.ts';
import { type ToolName, type ToolsFile, toolsFile } from '../shared/tools-file.ts';

export interface Installation {
  /** The script, with its placeholders. */
  readonly script: () => Promise<string>;
  readonly tools: () => Promise<ToolsFile>;
  /** The text of a tool, once it is known to be what `tools` says. */
  readonly tool: (name: ToolName) => Promise<{ readonly text: string; readonly sha256: string }>;
}

/** What is in `folder`. All answers throw `unavailable` where the deployed package has not what the build made. */
export function openInstallation(folder: () => string): Installation {
  const read = async (name: string): Promise<string> => {
    try {
      return await readFile(join(folder(), name), 'utf8');
    } catch (error) {
      throw incomplete(`${name} is missing`, error);
    }
  };
  const tools = async (): Promise<ToolsFile> => {
    const parsed = parseJsonWith(toolsFile, await read('tools.json'));
    if (!parsed.ok) throw incomplete('tools.json is damaged', parsed.problem.message);
    return parsed.value;
  };
  return {
    script: () => read('install.sh'),
    tools,
    async tool(name) {
      const [text, { sha256 }] = await Promise.all([read(name), tools()]);
      if (createHash('sha256').update(text).digest('hex') !== sha256[name])
        throw incomplete(`${name} is damaged`);
      return { text, sha256: sha256[name] };
    },
  };
}

/** Only a new deployment mends it. */
const incomplete = (what: string, cause?: unknown) =>
  unavailable(
    `${what} in what was deployed: deploy the package that "npm run package" makes`,
    300,
    cause,
  );
