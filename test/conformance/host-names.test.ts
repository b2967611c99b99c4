/** Conformance: hosts get certificates for names that were attested, and for no other (rows H1 to H7 of docs/conformance.md). */
import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { createScene, joinToken } from '../broker/fixtures.ts';
import { HOST, hostScene, namesOf } from '../broker/host-scene.ts';
import { CLUSTER, type JoinOptions, join, joined } from '../broker/joiner.ts';
import { signIn } from '../broker/operators.ts';
import { createTestBroker } from '../broker/test-broker.ts';
import { joinWith, makeSecret, renew } from '../broker/token-joiner.ts';
import { readSshCertificate } from './ssh-certificate.ts';

describe('H1 a host gets', () => {
  test('both kinds of certificate for its attested name, and no user of its own', async () => {
    const { api, machine } = await hostScene();
    const attempt = await join(api, machine('Web_1'), HOST);
    const name = `web-1.group1.${CLUSTER}`;
    const answer = joined(attempt);
    expect(answer).toMatchObject({ role: 'Node', generation: 1 });
    expect(answer).not.toHaveProperty('bot');
    const [granted] = answer.certificates;
    expect(granted).toMatchObject({ names: [name] });
    const leaf = new X509Certificate(granted?.tls ?? '');
    expect(leaf.subject).toBeFalsy();
    expect(leaf.subjectAltName).toBe(
      `DNS:${name}, URI:spiffe://${CLUSTER}/host/Node/${answer.instance_id}`,
    );
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    expect(readSshCertificate(granted?.ssh ?? '')).toMatchObject({
      type: 'host',
      principals: [name],
    });
    expect(api.audit.at(-1)).toMatchObject({ system_role: 'Node', names: [name] });
  });

  test('the same names again when it renews itself', async () => {
    const { api, machine } = await hostScene();
    const first = await join(api, machine('web'), HOST);
    const second = await join(api, machine('web'), { ...HOST, renews: first });
    expect(joined(second)).toMatchObject({ generation: 2 });
    expect(namesOf(second)).toEqual(namesOf(first));
  });

  test('as an instance of a uniform set the name of its number, its set and its group', async () => {
    const { api, subscription } = await hostScene();
    const set = subscription.scaleSet('Pool', {
      mode: 'Uniform',
      resourceGroup: 'group1',
      systemAssigned: true,
    });
    const attempt = await join(api, set.instance(), HOST);
    expect(namesOf(attempt)).toEqual([`0.pool.group1.${CLUSTER}`]);
  });

  test('the names of several templates, and of domains of the settings', async () => {
    const { api, machine } = await hostScene(
      ['{{vm_name}}.{{cluster}}', '{{vm_name}}.{{location}}.hosts.example.com'],
      { settings: { JOIN_BROKER_HOST_DOMAINS: 'hosts.example.com' } },
    );
    const attempt = await join(api, machine('web', { location: 'westeurope' }), HOST);
    expect(namesOf(attempt)).toEqual([`web.${CLUSTER}`, 'web.westeurope.hosts.example.com']);
  });
});

describe('H2 a name belongs to the machine that first got it', () => {
  const SHORT = ['{{vm_name}}.{{cluster}}'];

  test('so a machine of the same name in another group is denied, where a template leaves the group out', async () => {
    const { api, machine } = await hostScene(SHORT);
    expect(await join(api, machine('web'), HOST)).toBeAdmitted();
    const other = machine('web', { resourceGroup: 'group2' });
    expect(await join(api, other, HOST)).toBeDenied(api, 'host_name_taken');
    expect(await join(api, machine('web'), HOST)).toBeAdmitted();
  });

  test('also long after its certificates', async () => {
    const { api, machine } = await hostScene(SHORT);
    await join(api, machine('web'), HOST);
    api.clock.advance(400 * 86_400);
    await api.broker.rotateKeys({ requestId: 'timer' });
    await api.broker.sweep();
    const other = machine('web', { resourceGroup: 'group2' });
    expect(await join(api, other, HOST)).toBeDenied(api, 'host_name_taken');
  });

  test('until an operator frees it', async () => {
    const { api, machine } = await hostScene(SHORT);
    await join(api, machine('web'), HOST);
    const other = machine('web', { resourceGroup: 'group2' });
    const admin = signIn(api, 'JoinBroker.Admin');
    expect((await admin.request('DELETE', `/v1/names/web.${CLUSTER}`)).status).toBe(204);
    expect(await join(api, other, HOST)).toBeAdmitted();
    expect(await join(api, machine('web'), HOST)).toBeDenied(api, 'host_name_taken');
  });

  test('and a request whose instance was removed does not get it back', async () => {
    const { api, machine } = await hostScene(SHORT);
    const { sent, ...first } = await join(api, machine('web'), HOST);
    const admin = signIn(api, 'JoinBroker.Admin');
    const { instance_id: id } = joined(first);
    expect((await admin.request('DELETE', `/v1/instances/host:Node/${id}`)).status).toBe(204);
    expect((await admin.request('DELETE', `/v1/names/web.${CLUSTER}`)).status).toBe(204);
    const again = await api.request('POST', '/v1/join', { body: sent });
    expect(again).toBeDenied(api, 'instance_removed');
    expect(await api.tables.names.list({})).toEqual([]);
  });

  test('whatever the system role', async () => {
    const { api, machine } = await hostScene(SHORT);
    const vm = machine('web');
    await join(api, vm, HOST);
    expect(await join(api, vm, { ...HOST, request: { role: 'App' } })).toBeAdmitted();
    const other = machine('web', { resourceGroup: 'group2' });
    const asApp = { ...HOST, request: { role: 'App' } };
    expect(await join(api, other, asApp)).toBeDenied(api, 'host_name_taken');
  });

  test('and of names that collide after folding, the second is denied', async () => {
    const { api, machine } = await hostScene();
    expect(await join(api, machine('web_1'), HOST)).toBeAdmitted();
    expect(await join(api, machine('web-1'), HOST)).toBeDenied(api, 'host_name_taken');
  });

  test('of two that ask at once exactly one gets it', async () => {
    const { api, machine } = await hostScene(SHORT);
    const machines = [machine('web'), machine('web', { resourceGroup: 'group2' })];
    const attempts = await Promise.all(machines.map((vm) => join(api, vm, HOST)));
    expect(attempts.map(({ status }) => status).toSorted()).toEqual([200, 403]);
  });
});

describe('H3 a machine that was made anew under its resource id', () => {
  test('takes its names over at once, and the log says from which instance', async () => {
    const { api, machine } = await hostScene();
    const vm = machine('web');
    const first = await join(api, vm, HOST);
    const second = await join(api, vm.recreate(), HOST);
    expect(second).toBeAdmitted();
    expect(namesOf(second)).toEqual(namesOf(first));
    expect(api.audit.at(-1)).toMatchObject({ took_over: joined(first).instance_id });
  });

  test('and the one that is gone does not get them back with evidence that it made in its last minute', async () => {
    const { api, machine } = await hostScene();
    const vm = machine('web');
    await join(api, vm, HOST);
    const anew = vm.recreate();
    const second = await join(api, anew, HOST);
    // Its binding is remembered for six hours, so nobody asks whether it is still there.
    expect(await join(api, vm, HOST)).toBeDenied(api, 'host_name_taken');
    const third = await join(api, anew, { ...HOST, renews: second });
    expect(third).toBeAdmitted();
    expect(api.audit.at(-1)).not.toHaveProperty('took_over');
  });
});

describe('H4 is denied a name', () => {
  test.each<[string, string]>([
    ['with a dot, which would be two labels', 'web.east'],
    ['with letters beyond ASCII', 'wéb'],
    ['of 64 characters', 'w'.repeat(64)],
    ['with a dash at its end', 'web_'],
    ['of punycode', 'xn--web'],
  ])('a machine whose own name is one %s', async (_, name) => {
    const { api, machine } = await hostScene();
    expect(await join(api, machine(name), HOST)).toBeDenied(api, 'host_name_impossible');
    expect(await api.tables.names.list({})).toEqual([]);
  });

  test('a machine that lacks what the template names', async () => {
    const { api, machine } = await hostScene(['{{scale_set}}.{{cluster}}']);
    expect(await join(api, machine('web'), HOST)).toBeDenied(api, 'host_name_impossible');
  });

  test('of more than 253 characters', async () => {
    const labels = ['a', 'b', 'c'].map((letter) => letter.repeat(63));
    const { api, machine } = await hostScene([`{{vm_name}}.${labels.join('.')}.{{cluster}}`]);
    const length = 253 - 3 * 64 - `.${CLUSTER}`.length;
    expect(await join(api, machine('w'.repeat(length)), HOST)).toBeAdmitted();
    const long = machine('w'.repeat(length + 1));
    expect(await join(api, long, HOST)).toBeDenied(api, 'host_name_impossible');
  });

  test('below a domain that is none of the settings any more', async () => {
    const settings = { JOIN_BROKER_HOST_DOMAINS: 'hosts.example.com' };
    const before = await hostScene(['{{vm_name}}.hosts.example.com'], { settings });
    const vm = before.machine('web');
    expect(await join(before.api, vm, HOST)).toBeAdmitted();
    const { tables, cloud, clock, custody } = before.api;
    const after = createTestBroker({ tables, cloud, clock, custody });
    expect(await join(after, vm, HOST)).toBeDenied(after, 'host_name_impossible');
  });
});

describe('H5 refuses', () => {
  test('a wish for a name: names are attested, not claimed', async () => {
    const { api, machine } = await hostScene();
    const attempt = await join(api, machine('web'), {
      ...HOST,
      wish: { type: 'host', names: ['www.test.example.org'] },
    });
    expect(attempt).toBeProblem('bad_request', 'request.certificates[0].names');
  });

  test.each<[string, JoinOptions, string]>([
    ['a bot that asks for a host certificate', { wish: { type: 'host' } }, 'type'],
    ['a node that asks for a user certificate', { ...HOST, wish: { type: 'user' } }, 'type'],
    ['a node that asks for nothing in particular', { ...HOST, wish: {} }, 'type'],
    ['a node that asks for roles', { ...HOST, wish: { type: 'host', roles: ['access'] } }, 'roles'],
  ])('%s', async (_, options, field) => {
    const { api, vm } = await hostScene();
    expect(await join(api, vm, options)).toBeProblem(
      'bad_request',
      `request.certificates[0].${field}`,
    );
    expect(await api.tables.names.list({})).toEqual([]);
  });

  test('a renewal of a bot as a node, and of a node as a bot', async () => {
    const { api, vm } = await hostScene();
    const bot = await join(api, vm);
    const node = await join(api, vm, HOST);
    expect(await join(api, vm, { ...HOST, renews: bot })).toBeProblem('instance_unknown');
    expect(await join(api, vm, { renews: node })).toBeProblem('instance_unknown');
  });

  test('a bot under the join token of nodes', async () => {
    const { api, vm } = await hostScene();
    expect(await join(api, vm, { token: 'nodes' })).toBeDenied(api, 'system_role_mismatch');
  });
});

describe('H6 a join token with a secret has no facts:', () => {
  const nodes = (spec: object) => ({
    name: 'node-1',
    spec: { roles: ['Node'], bot_name: undefined, ...spec },
  });

  test('its names stand in it, and belong to the one instance that it makes', async () => {
    const { api } = await hostScene();
    const secret = await makeSecret(api, nodes({ host_names: ['db.{{cluster}}'] }));
    const host = { request: { role: 'Node' }, wish: { type: 'host' } };
    const first = await joinWith(api, secret, host);
    expect(namesOf(first)).toEqual([`db.${CLUSTER}`]);
    api.clock.advance(1200);
    const second = await renew(api, { secret, attempt: first }, host);
    expect(namesOf(second)).toEqual([`db.${CLUSTER}`]);
    const again = await makeSecret(api, {
      ...nodes({ host_names: ['db.{{cluster}}'] }),
      name: 'node-2',
    });
    expect(await joinWith(api, again, host)).toBeDenied(api, 'host_name_taken');
  });

  test('and who comes with the used secret does not get them back after they were freed', async () => {
    const { api } = await hostScene();
    const secret = await makeSecret(api, nodes({ host_names: ['db.{{cluster}}'] }));
    const host = { request: { role: 'Node' }, wish: { type: 'host' } };
    expect(await joinWith(api, secret, host)).toBeAdmitted();
    const admin = signIn(api, 'JoinBroker.Admin');
    expect((await admin.request('DELETE', `/v1/names/db.${CLUSTER}`)).status).toBe(204);
    expect(await joinWith(api, secret, host)).toBeDenied(api, 'secret_used');
    expect(await api.tables.names.list({})).toEqual([]);
  });

  test.each<[string, object, string]>([
    ['without a name', {}, 'expected at least one name'],
    [
      'with a template',
      { host_names: ['{{vm_name}}.{{cluster}}'] },
      'expected names without placeholders',
    ],
  ])('one %s is refused when it is created', async (_, spec, message) => {
    const { api } = await hostScene();
    await expect(makeSecret(api, nodes(spec))).rejects.toThrow(message);
  });
});

describe('H7 is refused when the join token is created:', () => {
  test.each<[string, object, object, string]>([
    ['names for bots only', { host_names: ['a.{{cluster}}'] }, {}, 'spec.host_names'],
    [
      'names of machines that are bound by claims',
      { roles: ['Node'], bot_name: undefined },
      { vm_binding: 'claims' },
      'spec.azure.vm_binding',
    ],
    [
      'an unknown placeholder',
      { roles: ['Node'], bot_name: undefined, host_names: ['{{hostname}}.{{cluster}}'] },
      {},
      'spec.host_names[0]',
    ],
    [
      'a name outside the cluster and the domains of the settings',
      { roles: ['Node'], bot_name: undefined, host_names: ['a.{{cluster}}', 'www.example.com'] },
      {},
      'spec.host_names[1]',
    ],
    [
      'a name whose end is a value of the machine',
      { roles: ['Node'], bot_name: undefined, host_names: ['{{cluster}}.{{vm_name}}'] },
      {},
      'spec.host_names[0]',
    ],
    [
      'a name of more than 253 characters, whatever the machine',
      {
        roles: ['Node'],
        bot_name: undefined,
        host_names: [
          `{{vm_name}}.${'abcd'
            .split('')
            .map((c) => c.repeat(58))
            .join('.')}.{{cluster}}`,
        ],
      },
      {},
      'spec.host_names[0]',
    ],
  ])('%s', async (_, spec, azure, field) => {
    const { api, subscription } = await createScene();
    const body = joinToken({
      name: 'new',
      allow: [{ subscription: subscription.id }],
      azure,
      spec,
    });
    const answer = await signIn(api, 'JoinBroker.Admin').request('PUT', '/v1/resources/token/new', {
      body,
      headers: { 'if-none-match': '*' },
    });
    expect(answer).toBeProblem('bad_request', field);
  });
});

describe('names and operators', () => {
  test('who has a name is shown to readers; admins free it, with an audit line', async () => {
    const { api, machine } = await hostScene();
    const first = await join(api, machine('web'), HOST);
    const name = `web.group1.${CLUSTER}`;
    const reader = signIn(api, 'JoinBroker.Reader');
    const shown = await reader.request('GET', `/v1/names/${name}`);
    expect(shown.body).toEqual({
      name,
      machine: expect.stringContaining('/virtualmachines/web'),
      owner: 'host:Node',
      instance: joined(first).instance_id,
      since: '2026-11-20T12:00:00Z',
    });
    expect(await reader.request('DELETE', `/v1/names/${name}`)).toBeProblem('forbidden');
    const admin = signIn(api, 'JoinBroker.Admin');
    expect((await admin.request('DELETE', `/v1/names/${name}`)).status).toBe(204);
    expect(api.audit.at(-1)).toMatchObject({ action: 'delete', resource: `name/${name}` });
    expect(await reader.request('GET', `/v1/names/${name}`)).toBeProblem('not_found');
    expect(await admin.request('DELETE', `/v1/names/${name}`)).toBeProblem('not_found');
    expect(await admin.request('DELETE', '/v1/names/Web')).toBeProblem('bad_request', 'name');
  });
});
