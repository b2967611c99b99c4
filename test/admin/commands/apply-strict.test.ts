import { describe, expect, it } from 'vitest';
import type { Resource } from '../../../shared/protocol/resource.ts';
import { BOT_YAML, TOKEN_YAML } from '../samples.ts';
import { ROLE_YAML, repository } from './resource-folder.ts';

describe('joinctl apply --strict', () => {
  const warn = ({ kind }: Resource) =>
    kind === 'bot'
      ? [
          {
            field: 'spec.roles[0]',
            message: 'there is no role deploy',
            missing: { kind: 'role', name: 'deploy' } as const,
          },
        ]
      : [];
  const bot = BOT_YAML.replace('[]', '[deploy]');

  it('changes nothing where a file names what does not exist', async () => {
    const shell = await repository({ 'bot.yaml': bot, 'token.yaml': TOKEN_YAML }, { warn });
    expect(await shell.run('apply', '--strict', 'resources')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'joinctl: resources/bot.yaml:6:11: spec.roles[0]: there is no role deploy.\n',
    });
    expect(shell.broker.stored('token', 'example-bot')).toBeUndefined();
  });

  it('is content where another file has it', async () => {
    const shell = await repository({ 'bot.yaml': bot, 'role.yaml': ROLE_YAML }, { warn });
    expect((await shell.run('apply', '--strict', 'resources')).code).toBe(0);
    expect(shell.broker.stored('bot', 'example')).toBeDefined();
  });

  it('is a warning without it', async () => {
    const shell = await repository({ 'bot.yaml': bot }, { warn });
    expect(await shell.run('apply', 'resources')).toMatchObject({
      code: 0,
      stderr: 'joinctl: warning: bot "example": spec.roles[0]: there is no role deploy.\n',
    });
  });
});
