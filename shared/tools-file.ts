/** `tools.json`: what the tools are that machines download. The build writes it beside them, the broker reads it. */
import * as z from 'zod/mini';

/** The agent and the operators' tool, each one file. */
export const TOOLS = ['joinbot.cjs', 'joinctl.cjs'] as const;
export type ToolName = (typeof TOOLS)[number];

const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/));

export const toolsFile = z.strictObject({
  version: z.string().check(z.regex(/^[0-9A-Za-z.+-]{1,64}$/)),
  sha256: z.strictObject({ 'joinbot.cjs': sha256, 'joinctl.cjs': sha256 }),
});
export type ToolsFile = z.infer<typeof toolsFile>;
