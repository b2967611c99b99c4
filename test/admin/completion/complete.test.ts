import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../../admin/commands/commands.ts';
import { terminal } from '../joinctl.ts';
import { BOT, ROLES, TOKEN } from '../samples.ts';

const RESOURCES = [BOT, ...ROLES, TOKEN];

/** The words that are offered for the last one of a command line. */
async function offered(...words: readonly string[]): Promise<readonly string[]> {
  const { run } = await terminal({ resources: RESOURCES });
  await run('status');
  const { code, stdout, stderr } = await run('__complete', '--', ...words);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t')[0] ?? '');
}

describe('joinctl __complete', () => {
  it('offers the first words of all commands', async () => {
    expect(new Set(await offered(''))).toEqual(new Set(COMMANDS.map(({ words }) => words[0])));
  });

  it.each([
    [['bo'], ['bots']],
    [
      ['bots', 'instances', ''],
      ['ls', 'show', 'rm', 'lock', 'unlock'],
    ],
    [['bots', 'rm', ''], ['example']],
    [['bots', 'rm', 'x'], []],
    [['bots', 'instances', 'ls', 'e'], ['example']],
    [['tokens', 'rm', ''], ['example-bot']],
    [
      ['get', 'ro'],
      ['roles', 'role/'],
    ],
    [['get', 'roles/ac'], ['roles/access']],
    [['get', 'bots,role/ac'], ['bots,role/access']],
    [['rm', 'bot/example', 'to'], ['tokens/']],
    [['edit', 'token/'], ['token/example-bot']],
    [['lock', '--bot='], ['--bot=example']],
    [['lock', '--bot', ''], ['example']],
    [['bots', 'update', 'example', '--add-roles=access,ac'], ['--add-roles=access,access']],
    [['joins', 'ls', '--result=d'], ['--result=denied']],
    [
      ['get', '-o', ''],
      ['text', 'json', 'yaml'],
    ],
    [['--proxy=broker.example.com', 'bots', 'l'], ['ls']],
    [['bots', 'ls', '--fo'], ['--format=']],
    [['lock', '--forc'], ['--force']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['create', ''], []],
    [['nosuch', ''], []],
    [['lock', '--nosuch='], []],
  ])('offers for %j what could stand there', async (words, expected) => {
    expect(await offered(...words)).toEqual(expected);
  });

  it('offers no names, and no word of complaint, where the broker can not be asked', async () => {
    for (const options of [{ env: {} }, { token: 'another' }]) {
      const { run } = await terminal({ ...options, resources: RESOURCES });
      expect(await run('__complete', '--', 'bots', 'rm', '')).toEqual({
        code: 0,
        stdout: '',
        stderr: '',
      });
    }
  });

  it('asks nobody to sign in', async () => {
    const { run, signIns } = await terminal({ resources: RESOURCES });
    await run('__complete', '--', 'bots', 'rm', '');
    expect(signIns).toEqual([]);
  });

  it('refuses a shell that it does not know', async () => {
    const { run } = await terminal();
    const { code, stderr } = await run('completion', 'bsh');
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'joinctl: A shell is bash, zsh, fish, not "bsh" (did you mean bash?).\n',
    });
  });
});
