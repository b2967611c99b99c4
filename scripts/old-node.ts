/**
 * What the tools say where Node.js is too old for them. A program is parsed whole before its first line runs, so it is
 * written in syntax that old versions know; what they lack of its library is told by that first line.
 */

/** esbuild's name of the oldest Node.js that can parse the tools: what Debian and Ubuntu had in 2019. */
export const OLDEST_PARSER = 'node10';

const NEEDED = 20;

/** A line of JavaScript that any Node.js can run: one sentence and exit code 1, or nothing. */
export const oldNodeGuard = (tool: string): string =>
  `if(parseInt(process.versions.node,10)<${NEEDED}){process.stderr.write("${tool} needs Node.js ${NEEDED} or later, and this is "+process.versions.node+".\\n");process.exit(1)}`;
