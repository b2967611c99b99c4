import { describe, expect, it } from 'vitest';
import { PRESET_ROLES } from '../../../admin/commands/apply-plan.ts';
import type { Resource } from '../../../shared/protocol/resource.ts';
import * as role from '../../../shared/resources/role.ts';
import { BOT_YAML, ROLES, TOKEN, TOKEN_YAML } from '../samples.ts';
import { OLD_BOT, OLD_ROLE, OLD_TOKEN, repository, writes } from './resource-folder.ts';

describe('joinctl apply --prune', () => {
  const lock: Resource = {
    kind: 'lock',
    version: 'v2',
    metadata: { name: 'stolen' },
    spec: { target: { bot: 'example' } },
  };
  const anchors: readonly Resource[] = [
    { kind: 'azure_root', version: 'v1', metadata: { name: 'g4' }, spec: { certificate: '' } },
    { kind: 'azure_denied_signer', version: 'v1', metadata: { name: 'bad' }, spec: { sha256: '' } },
  ];
  const resources = [...ROLES, OLD_ROLE, OLD_BOT, OLD_TOKEN, lock, ...anchors];

  it('lists what is not in the files and deletes it last, join tokens before bots before roles', async () => {
    const shell = await repository({ 'bot.yaml': BOT_YAML }, { resources });
    expect((await shell.run('apply', 'resources', '--prune')).stdout).toBe(
      [
        'Not in the files, so about to be deleted:',
        ...['  token "old-token"', '  bot "old-bot"', '  role "old-role"'],
        'bot "example" has been created',
        'token "old-token" has been deleted',
        'bot "old-bot" has been deleted',
        'role "old-role" has been deleted',
        '1 created, 3 deleted',
        '',
      ].join('\n'),
    );
    expect(writes(shell)).toEqual([
      'PUT bot/example *',
      'DELETE token/old-token "6"',
      'DELETE bot/old-bot "5"',
      'DELETE role/old-role "4"',
    ]);
  });

  it('never deletes preset roles, locks, added roots and denied signers', async () => {
    const shell = await repository({ 'bot.yaml': BOT_YAML }, { resources });
    await shell.run('apply', 'resources', '--prune');
    for (const { metadata } of ROLES) {
      expect(shell.broker.stored('role', metadata.name)).toBeDefined();
    }
    expect(shell.broker.stored('lock', 'stolen')).toBeDefined();
    for (const { kind, metadata } of anchors)
      expect(shell.broker.stored(kind, metadata.name)).toBeDefined();
  });

  it('knows the preset roles of the broker', () => {
    expect(PRESET_ROLES).toEqual(role.PRESET_ROLES.map(({ metadata }) => metadata.name));
  });

  it('deletes nothing after the broker refused something', async () => {
    const shell = await repository(
      { 'all.yaml': `${BOT_YAML}---\n${TOKEN_YAML}` },
      {
        resources: [{ ...TOKEN, spec: { ...TOKEN.spec, bot_name: 'other' } }, OLD_ROLE],
        refuse: ({ kind }) =>
          kind === 'token' ? { field: 'spec.bot_name', detail: 'can not be changed' } : undefined,
      },
    );
    expect(await shell.run('apply', 'resources', '--prune')).toEqual({
      code: 1,
      stdout:
        'Not in the files, so about to be deleted:\n  role "old-role"\nbot "example" has been created\n',
      stderr:
        'joinctl: resources/all.yaml:16:3: spec.bot_name: can not be changed.\n' +
        'joinctl: So nothing was deleted.\n',
    });
    expect(shell.broker.stored('role', 'old-role')).toBeDefined();
  });
});
