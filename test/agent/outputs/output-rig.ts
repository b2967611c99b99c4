/** A bot whose agent writes one output, and OpenSSL and the JVM that look at it. */
import { execFileSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createRig, guideConfig, type Rig } from '../rig.ts';

export interface WrittenOutput {
  readonly rig: Rig;
  readonly out: string;
  readonly visible: readonly string[];
  path(name: string): string;
  /** What a program says about it. Throws where it fails. */
  run(program: string, ...args: readonly string[]): string;
}

/** `fields` are those of the output beside its destination, as YAML's flow style has them. */
export async function writeOutput(fields: string, rig?: Rig): Promise<WrittenOutput> {
  const there = rig ?? (await createRig());
  const out = join(there.folder, 'out');
  const config = `outputs: [{${fields}, destination: {type: directory, path: ${out}}}]\n`;
  const code = await there.start(guideConfig(config), '--oneshot');
  if (code !== 0) throw new Error(there.output.join(''));
  return {
    rig: there,
    out,
    visible: (await readdir(out)).filter((name) => !name.startsWith('..')).toSorted(),
    path: (name) => join(out, name),
    run: (program, ...args) =>
      execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
  };
}
