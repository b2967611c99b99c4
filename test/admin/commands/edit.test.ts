import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Terminal, type TerminalOptions, terminal } from '../joinctl.ts';
import { BOT } from '../samples.ts';

const ENV = { JOINCTL_PROXY: 'broker.example.com', EDITOR: 'ed' };

/** A terminal whose operator makes these changes, one each time the editor opens; `texts` is what the editor showed. */
async function editing(
  changes: readonly ((text: string) => string)[],
  options: TerminalOptions = {},
): Promise<{ shell: Terminal; texts: string[]; commands: string[] }> {
  const texts: string[] = [];
  const commands: string[] = [];
  const shell = await terminal({
    resources: [BOT],
    env: ENV,
    editor: async (file, command) => {
      const text = await readFile(file, 'utf8');
      const change = changes[texts.length];
      texts.push(text);
      commands.push(command);
      if (change) await writeFile(file, change(text));
      return 0;
    },
    ...options,
  });
  return { shell, texts, commands };
}

const leftovers = ({ folder }: Terminal): Promise<string[]> => readdir(join(folder, 'tmp'));

describe('joinctl edit', () => {
  it('writes what was changed in the editor, and leaves nothing behind', async () => {
    const { shell, texts } = await editing([(text) => text.replace('- access', '- auditor')]);
    expect(await shell.run('edit', 'bot/example')).toEqual({
      code: 0,
      stdout: 'bot "example" has been updated\n',
      stderr: '',
    });
    expect(texts[0]).toContain('#: This is bot "example".');
    expect(shell.broker.stored('bot', 'example')?.spec).toEqual({ roles: ['auditor'] });
    expect(await leftovers(shell)).toEqual([]);
  });

  it('writes nothing where nothing was changed', async () => {
    const { shell } = await editing([(text) => text.replace('#: Save', '#: Do not save')]);
    expect((await shell.run('edit', 'bot/example')).stdout).toBe('bot "example" is unchanged\n');
    expect(shell.broker.requests.map(({ method }) => method)).not.toContain('PUT');
    expect(await leftovers(shell)).toEqual([]);
  });

  it('opens the editor again with what is wrong and where', async () => {
    const { shell, texts } = await editing([
      (text) => text.replace('roles:', 'rolls: 1\n  roles:').replace('version: v1', 'version: 1'),
      (text) => text.replace('version: 1', 'version: v1').replace('  rolls: 1\n', ''),
      (text) => text,
    ]);
    const { stdout } = await shell.run('edit', 'bot/example');
    const line = (texts[1]?.split('\n').indexOf('version: 1') ?? 0) + 1;
    expect(texts[1]).toMatch(
      new RegExp(
        `^#: .*example\\.yaml:${line}:1: version: expected text, got a number \\(put it in quotes\\)\\.\n#: `,
      ),
    );
    expect(stdout).toBe('bot "example" is unchanged\n');
  });

  it('keeps the text of who gives up', async () => {
    const { shell } = await editing([(text) => text.replace('access', 'sudo')], {
      refuse: () => ({ field: 'spec.roles[0]', detail: 'there is no such role' }),
    });
    const { code, stderr } = await shell.run('edit', 'bot/example');
    const [, file = ''] = /your text is kept in (.*)\n$/.exec(stderr) ?? [];
    expect(code).toBe(1);
    expect(stderr).toMatch(/example\.yaml:9:7: spec\.roles\[0\]: there is no such role\.\n/);
    expect(await readFile(file, 'utf8')).toContain('- sudo');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(file))).mode & 0o777).toBe(0o700);
  });

  it('does not overwrite what someone else changed meanwhile', async () => {
    const { shell } = await editing([
      (text) => {
        shell.broker.put({ ...BOT, spec: { roles: ['editor'] } });
        return text.replace('access', 'auditor');
      },
    ]);
    const { code, stderr } = await shell.run('edit', 'bot/example');
    expect(code).toBe(1);
    expect(stderr).toContain('bot "example" was changed by someone else meanwhile: edit it again.');
    expect(stderr).toContain('your text is kept in');
    expect(shell.broker.stored('bot', 'example')?.spec).toEqual({ roles: ['editor'] });
  });

  it('keeps kind and name as they are', async () => {
    const { shell } = await editing([(text) => text.replace('name: example', 'name: other')]);
    expect((await shell.run('edit', 'bot/example')).stderr).toContain(
      'example.yaml:3:1: expected the one resource bot "example": its kind and name can\'t be changed.',
    );
  });

  it('changes nothing where the editor fails', async () => {
    const { shell } = await editing([], { editor: async () => 3 });
    expect(await shell.run('edit', 'bot/example')).toMatchObject({
      code: 1,
      stderr: 'joinctl: The editor ended with code 3: nothing was changed.\n',
    });
    expect(await leftovers(shell)).toEqual([]);
  });

  it.each([
    [{ VISUAL: 'code --wait', EDITOR: 'ed' }, 'code --wait'],
    [{ EDITOR: 'ed' }, 'ed'],
    [{}, 'vi'],
  ])('opens the editor of %j', async (variables, editor) => {
    const { shell, commands } = await editing([], {
      env: { JOINCTL_PROXY: 'broker.example.com', ...variables },
    });
    await shell.run('edit', 'bot/example');
    expect(commands).toEqual([editor]);
  });

  it('says what does not exist', async () => {
    const { shell } = await editing([]);
    expect((await shell.run('edit', 'bot/nobody')).stderr).toBe(
      'joinctl: bot "nobody" does not exist.\n',
    );
  });
});
