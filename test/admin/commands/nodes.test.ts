import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CA_PINS, secretOf } from '../fake-broker.ts';
import { terminal } from '../joinctl.ts';
import { instance, SUBSCRIPTION } from '../samples.ts';

const WEB = 'web.group1.example.com';
const web = instance({
  owner: 'host:Node',
  role: 'Node',
  join_method: 'azure',
  names: [WEB, 'www.example.com'],
  machine: {
    vmId: '1f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c11',
    subscription: SUBSCRIPTION,
    resourceGroup: 'group1',
    location: 'westeurope',
  },
});
const webBefore = {
  ...web,
  id: '0f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c10',
  seen: '2026-11-20T11:10:00Z',
  expires: '2026-11-20T12:10:00Z',
};
const api = {
  ...instance({ owner: 'host:Node', role: 'Node', names: ['api.example.com'] }),
  id: '2f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c12',
};
const gone = {
  ...api,
  id: '3f0f2a6e-6c1b-4b7e-9f57-0c8a1f6f3c13',
  names: ['old.example.com'],
  expires: '2026-11-20T12:00:00Z',
};
const ALL = [web, webBefore, api, gone];

describe('joinctl ls', () => {
  it('lists the nodes that can be reached as `tsh ls` does, each once, as it was seen last', async () => {
    const { run } = await terminal({ instances: ALL });
    expect((await run('ls')).stdout).toBe(
      `Node Name              Address                   Labels
---------------------- ------------------------- -------------------------------------------------------------------------------------------
api.example.com        api.example.com:22
web.group1.example.com web.group1.example.com:22 location=westeurope,resource_group=group1,subscription=${SUBSCRIPTION}
`,
    );
    const nodes = JSON.parse((await run('ls', '--format=json')).stdout);
    expect(nodes).toMatchObject([{ name: 'api.example.com' }, { name: WEB, instance: web.id }]);
  });
});

describe('joinctl get nodes', () => {
  it('shows every node, those that are over too, with when it was seen', async () => {
    const { run } = await terminal({ instances: ALL });
    const { stdout } = await run('get', 'nodes', '--format=text');
    expect(stdout.split('\n')).toHaveLength(ALL.length + 3);
    expect(stdout).toMatch(/^Node Name +Address +Labels +Last seen +Expires\n/);
    expect(stdout).toMatch(
      /^old\.example\.com +old\.example\.com:22 +2026-11-20T11:40:00Z +2026-11-20T12:00:00Z \(over\)$/m,
    );
  });

  it('shows one by any of its names', async () => {
    const { run } = await terminal({ instances: [web, api] });
    const { stdout } = await run('get', 'node/www.example.com');
    expect(parse(stdout)).toEqual({
      name: WEB,
      address: `${WEB}:22`,
      labels: { location: 'westeurope', resource_group: 'group1', subscription: SUBSCRIPTION },
      names: [WEB, 'www.example.com'],
      instance: web.id,
      join_token: 'robot-aaaaab',
      join_method: 'azure',
      joined: web.joined,
      seen: web.seen,
      expires: web.expires,
    });
    expect(await run('get', 'nodes/nobody')).toMatchObject({
      code: 1,
      stderr: 'joinctl: node "nobody" does not exist.\n',
    });
  });
});

describe('joinctl nodes add', () => {
  it('says how to install the agent, and how to join with a secret', async () => {
    const { run, broker } = await terminal();
    const { stdout } = await run('nodes', 'add', '--host-name=web-1.example.com', '--ttl=30m');
    expect(stdout).toMatch(
      /^token "node-aaaaab" has been created\n\nOn the machine, install the agent:\n\n {2}curl -fsSL https:\/\/broker\.example\.com\/scripts\/install\.sh \| sudo bash\n\nIts secret/,
    );
    expect(stdout).toContain('within 30m, until 2026-11-20T12:30:00Z.');
    expect(stdout).toContain(`    token_name: ${secretOf('node-aaaaab')}\n`);
    expect(broker.stored('token', 'node-aaaaab')?.spec).toMatchObject({
      roles: ['Node'],
      join_method: 'token',
      host_names: ['web-1.example.com'],
    });
  });

  it('prints what was made for scripts', async () => {
    const { run } = await terminal();
    expect(JSON.parse((await run('nodes', 'add', '--format=json')).stdout)).toMatchObject({
      token: { metadata: { name: 'node-aaaaab' } },
      secret: secretOf('node-aaaaab'),
      ca_pins: CA_PINS,
    });
  });
});

describe('joinctl nodes rm', () => {
  it('frees all names of the node, and removes its instances', async () => {
    const { run } = await terminal({
      instances: ALL,
      names: [WEB, 'www.example.com', 'api.example.com'],
    });
    const { code, stdout } = await run('nodes', 'rm', WEB);
    expect(code).toBe(0);
    expect(stdout).toContain(
      `name "${WEB}" has been freed\nname "www.example.com" has been freed\n`,
    );
    expect(stdout).toContain(`instance "${web.id}" has been removed\n`);
    expect(stdout).toContain(`instance "${webBefore.id}" has been removed\n`);
    expect((await run('ls')).stdout).not.toContain('web.');
    expect((await run('nodes', 'rm', WEB)).stderr).toBe(`joinctl: node "${WEB}" does not exist.\n`);
  });

  it.each([
    ['a name without an instance', { names: [WEB] }, `name "${WEB}" has been freed\n`],
    ['an instance without its name', { instances: [web] }, `instance "${web.id}" has been removed`],
    [
      'a host of another system role',
      { instances: [{ ...web, owner: 'host:Proxy' }] },
      `instance "${web.id}" has been removed`,
    ],
  ])('goes on with %s', async (_, there, said) => {
    const { run } = await terminal(there);
    const { code, stdout } = await run('nodes', 'rm', WEB);
    expect(code).toBe(0);
    expect(stdout).toContain(said);
  });
});
