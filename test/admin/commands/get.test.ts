import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Resource } from '../../../shared/protocol/resource.ts';
import { terminal } from '../joinctl.ts';
import { BOT, ROLES, SUBSCRIPTION, TOKEN } from '../samples.ts';

const LOCK: Resource = {
  kind: 'lock',
  version: 'v2',
  metadata: { name: 'l1' },
  spec: { target: { bot: 'example' }, message: 'leaked', expires: '2026-11-20T11:00:00Z' },
};

describe('joinctl get', () => {
  it('prints the roles in the four columns of the guide', async () => {
    const { run } = await terminal({ resources: ROLES });
    const { stdout } = await run('get', 'roles', '--format=text');
    expect(stdout).toBe(
      `Role    Allowed to login as                           Node Labels Access to resources
------- --------------------------------------------- ----------- ---------------------------------------------
access  {{internal.logins}}                           <all nodes> event:list,read,session:read,list
auditor no-login-6566121f-b602-47f1-a118-c9c618ee5aec             session:list,read,event:list,read
editor                                                            user:list,create,read,update,delete,role:list
`,
    );
  });

  it('cuts the last of them where the terminal is as narrow as the guide', async () => {
    const { run } = await terminal({ resources: ROLES, columns: 106 });
    const lines = (await run('get', 'roles', '--format=text')).stdout.split('\n');
    expect(lines[1]).toBe(
      '------- --------------------------------------------- ----------- ----------------------------------------',
    );
    expect(lines[4]).toBe(
      'editor                                                            user:list,create,read,update,delete,r...',
    );
  });

  it('prints YAML that can be created again', async () => {
    const shell = await terminal({ resources: ROLES });
    const { stdout } = await shell.run('get', 'roles/access');
    expect(stdout).toContain('kind: role\nversion: v7\nmetadata:\n  name: access\nspec:\n');
    await writeFile(
      join(shell.folder, 'access.yaml'),
      stdout.replace('"{{internal.logins}}"', 'ubuntu'),
    );
    expect((await shell.run('create', '-f', 'access.yaml')).stdout).toBe(
      'role "access" has been updated\n',
    );
    expect(shell.broker.stored('role', 'access')?.spec).toMatchObject({
      allow: { logins: ['ubuntu'] },
    });
  });

  it('prints all that there is as documents of one file', async () => {
    const shell = await terminal({ resources: [TOKEN, BOT, ...ROLES, LOCK] });
    const { stdout } = await shell.run('get', 'all');
    const other = await terminal({ stdin: stdout });
    expect((await other.run('create', '-')).code).toBe(0);
    expect((await other.run('get', 'all')).stdout).toBe(stdout);
  });

  it('takes kinds and names in one list, singular or plural', async () => {
    const { run } = await terminal({ resources: [TOKEN, BOT, ...ROLES] });
    const { stdout } = await run('get', 'Role/access,bots,token', '--format=json');
    expect(JSON.parse(stdout)).toEqual([ROLES[0], BOT, TOKEN]);
  });

  it('takes them as operands, too, and -o for --format', async () => {
    const { run } = await terminal({ resources: [TOKEN, BOT, ...ROLES] });
    const { stdout } = await run('get', 'role/access', 'bots', 'token', '-o', 'json');
    expect(JSON.parse(stdout)).toEqual([ROLES[0], BOT, TOKEN]);
  });

  it('prints one resource by its name as a JSON object', async () => {
    const { run } = await terminal({ resources: [BOT] });
    expect(JSON.parse((await run('get', 'bot/example', '--format=json')).stdout)).toEqual(BOT);
  });

  it('prints a table for every kind', async () => {
    const { run } = await terminal({ resources: [TOKEN, BOT, LOCK] });
    expect((await run('get', 'bots,tokens,locks', '--format=text')).stdout).toBe(
      `Bot     Roles  Logins Expires
------- ------ ------ -------
example access        never

Token       Type Join method Bot     Expires Allow rules
----------- ---- ----------- ------- ------- ------------------------------------------------------------------------
example-bot Bot  azure       example never   subscription=${SUBSCRIPTION} resource_groups=group1

Lock Target      Expires                     Message
---- ----------- --------------------------- -------
l1   bot=example 2026-11-20T11:00:00Z (over) leaked
`,
    );
  });

  it('shows specs of any shape without failing', async () => {
    const odd = (kind: Resource['kind'], spec: Resource['spec']): Resource => ({
      kind,
      version: 'v9',
      metadata: { name: 'odd' },
      spec,
    });
    const { run } = await terminal({
      resources: [
        odd('role', { allow: [{ logins: 1 }] }),
        odd('bot', { roles: 'access', traits: { name: 'logins' } }),
        odd('token', { azure: null, join_method: ['x'] }),
        odd('lock', { target: 'everything', expires: 12 }),
      ],
    });
    expect((await run('get', 'all', '--format=text')).code).toBe(0);
  });

  it('says what does not exist', async () => {
    const { run } = await terminal();
    expect(await run('get', 'roles/nobody')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'joinctl: role "nobody" does not exist.\n',
    });
  });
});

describe('joinctl rm', () => {
  it('deletes a resource, once', async () => {
    const { run, broker } = await terminal({ resources: [BOT] });
    expect((await run('rm', 'bots/example')).stdout).toBe('bot "example" has been deleted\n');
    expect(broker.stored('bot', 'example')).toBeUndefined();
    expect(await run('rm', 'bot/example')).toMatchObject({
      code: 1,
      stderr: 'joinctl: bot "example" does not exist.\n',
    });
  });

  it('deletes several', async () => {
    const { run, broker } = await terminal({ resources: [BOT, TOKEN] });
    expect((await run('rm', 'token/example-bot', 'bots/example')).stdout).toBe(
      'token "example-bot" has been deleted\nbot "example" has been deleted\n',
    );
    expect(broker.stored('bot', 'example')).toBeUndefined();
  });

  it.each(['-f', '--force'])('deletes what others need with %s only', async (flag) => {
    const { run, broker } = await terminal({ resources: ROLES, inUse: ['role/access'] });
    expect(await run('rm', 'role/access')).toMatchObject({
      code: 1,
      stderr: 'joinctl: role/access is in use.\n',
    });
    expect(broker.stored('role', 'access')).toBeDefined();
    expect((await run('rm', flag, 'role/access')).code).toBe(0);
    expect(broker.stored('role', 'access')).toBeUndefined();
  });
});
