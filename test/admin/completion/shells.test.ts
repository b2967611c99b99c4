/** The scripts in real shells, with the built joinctl behind them. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { COMPLETION_SCRIPTS, SHELLS, type Shell } from '../../../admin/completion/scripts.ts';
import { runProgram } from '../../../local/programs.ts';
import { hasProgram } from '../../programs.ts';

const JOINCTL = fileURLToPath(new URL('../../../dist/joinctl.cjs', import.meta.url));

/** What has the shell say which words it would put in for a line, sorted, one a line. */
const ASK: Readonly<Record<Shell, (line: string) => string>> = {
  bash: (line) => `
    COMP_LINE=$(printf %s '${line}') COMP_POINT=${line.length}
    # As readline splits it: = is a word of its own.
    read -ra COMP_WORDS <<< "\${COMP_LINE//=/ = }"
    [[ $COMP_LINE == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 ))
    _joinctl joinctl
    printf '%s\\n' "\${COMPREPLY[@]}"`,
  // Only in a terminal does zsh complete, so what its function hands on is caught.
  zsh: (line) => `
    compadd() { while [[ $1 != -- ]]; do shift; done; shift; print -l -- "$@" }
    _describe() { print -l -- "\${(@)\${(@P)4}%%:*}" }
    _files() { print files }
    words=(\${(s: :)\${:-'${line}'}})
    [[ '${line}' == *' ' ]] && words+=('')
    CURRENT=\${#words}
    _joinctl`,
  fish: (line) => `complete -C '${line}' | string replace -r '\\t.*' ''`,
};

async function ask(shell: Shell, line: string): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'shell-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const joinctl = join(folder, 'joinctl');
  await writeFile(joinctl, `#!/bin/sh\nexec '${process.execPath}' '${JOINCTL}' "$@"\n`);
  await chmod(joinctl, 0o755);
  const before = shell === 'zsh' ? 'compdef() { :; }\n' : '';
  const script = join(folder, 'script');
  await writeFile(script, `${before}${COMPLETION_SCRIPTS[shell]}${ASK[shell](line)}\n`);
  const outcome = await runProgram(shell, [script], {
    cwd: folder,
    env: { ...process.env, HOME: folder, PATH: `${folder}${delimiter}${process.env['PATH']}` },
  });
  expect(outcome?.stderr).toBe('');
  return (outcome?.stdout ?? '').split('\n').filter((word) => word !== '');
}

describe.each(SHELLS)('%s', (shell) => {
  test.skipIf(!hasProgram(shell)).each([
    ['joinctl bots i', ['instances']],
    ['joinctl bots instances ', ['lock', 'ls', 'rm', 'show', 'unlock']],
    ['joinctl joins ls --res', ['--result=']],
    ['joinctl get ro', ['role/', 'roles']],
  ])('completes %j', async (line, expected) => {
    expect([...(await ask(shell, line))].sort()).toEqual(expected);
  });

  test.skipIf(!hasProgram(shell))('completes the value of a flag', async () => {
    const whole = ['--result=admitted'];
    // bash has put in what stands before the value already.
    const expected = shell === 'bash' ? ['admitted'] : whole;
    expect(await ask(shell, 'joinctl joins ls --result=a')).toEqual(expected);
  });
});
