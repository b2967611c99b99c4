/** Outputs of a host's join: server certificates for attested names, each with a key of its own. */

import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { machinePrograms } from '../../../agent/machine-programs.ts';
import { parseSshCertificate } from '../../../agent/ssh-certificate.ts';
import { hasProgram } from '../../programs.ts';
import { createHostRig, type HostRig } from '../host-rig.ts';

const NAME = 'vm-a.group1.test.example.org';

const output = (rig: HostRig, name: string, fields: string): string =>
  `  - {${fields}, destination: {type: directory, path: ${join(rig.folder, name)}}}\n`;
const visible = async (rig: HostRig, name: string) =>
  (await readdir(join(rig.folder, name))).filter((one) => !one.startsWith('..')).toSorted();
const read = (rig: HostRig, name: string) => readFileSync(join(rig.folder, name), 'utf8');

describe('a host with outputs', () => {
  test('joins once for all of them: each has the names, and a key of its own', async () => {
    const rig = await createHostRig();
    const outputs = [
      output(rig, 'nginx', 'type: tls, formats: [nginx]'),
      output(rig, 'db', 'type: tls, formats: [postgresql, mysql], credential_ttl: 10m'),
      output(rig, 'svid', 'type: spiffe'),
    ];
    expect(await rig.onceWith('App', `outputs:\n${outputs.join('')}`)).toBe(0);
    expect(await visible(rig, 'nginx')).toEqual(['ca.pem', 'fullchain.pem', 'privkey.pem']);
    expect(await visible(rig, 'db')).toEqual([
      'ca.pem',
      'root.crt',
      'server-cert.pem',
      'server-key.pem',
      'server.crt',
      'server.key',
    ]);
    const leaves = ['nginx/fullchain.pem', 'db/server.crt', 'svid/svid.pem'].map(
      (name) => new X509Certificate(read(rig, name)),
    );
    const keys = ['nginx/privkey.pem', 'db/server.key', 'svid/svid_key.pem'];
    for (const [i, leaf] of leaves.entries()) {
      expect(leaf.checkHost(NAME)).toBe(NAME);
      expect(leaf.checkPrivateKey(createPrivateKey(read(rig, keys[i] ?? '')))).toBe(true);
    }
    expect(new Set(leaves.map(({ serialNumber }) => serialNumber)).size).toBe(3);
    const [long, short] = leaves;
    expect((long?.validToDate.getTime() ?? 0) - (short?.validToDate.getTime() ?? 0)).toBe(
      50 * 60_000,
    );
    expect(leaves[2]?.subjectAltName).toMatch(/URI:spiffe:\/\/[^,]+\/host\/App\//);
  });

  test('has ssh_host for the host key that sshd has, and none of its private half', async () => {
    const rig = await createHostRig();
    const own = output(rig, 'own', 'type: ssh_host, host_key: none, principals: [x.example.org]');
    expect(await rig.onceWith('Node', `outputs:\n${own}`)).toBe(0);
    expect(await visible(rig, 'own')).toEqual([
      'revoked.krl',
      'ssh_host',
      'ssh_host-cert.pub',
      'ssh_host-user-ca.pub',
      'ssh_host.pub',
    ]);
    expect(rig.output.join('')).toContain('principals make no difference here');
    const line = read(rig, 'own/ssh_host.pub');
    const theirs = join(rig.folder, 'theirs.pub');
    writeFileSync(theirs, line);

    const certified = output(rig, 'theirs', `type: ssh_host, host_key: ${theirs}`);
    expect(await rig.onceWith('Node', `outputs:\n${certified}`)).toBe(0);
    expect(existsSync(join(rig.folder, 'theirs/ssh_host'))).toBe(false);
    expect(read(rig, 'theirs/ssh_host.pub').split(' ')[1]).toBe(line.split(' ')[1]);
    const certificate = parseSshCertificate(read(rig, 'theirs/ssh_host-cert.pub').trimEnd());
    expect(certificate).toMatchObject({ kind: 'host', principals: [NAME] });
  });

  test
    .skipIf(!['setfacl', 'ssh-keygen'].every(hasProgram))
    .each(['readers: [{group: root}]', 'mode: "0640"'])(
    'has a key of ssh_host that OpenSSH takes, whoever may read the rest: %s',
    async (access) => {
      const rig = await createHostRig(machinePrograms);
      const path = join(rig.folder, 'ssh');
      const to = `{type: directory, path: ${path}, ${access}}`;
      const outputs = `outputs: [{type: ssh_host, host_key: none, destination: ${to}}]\n`;
      expect(await rig.onceWith('Node', outputs)).toBe(0);
      const mode = (name: string) => (statSync(join(path, name)).mode & 0o777).toString(8);
      expect(mode('ssh_host-cert.pub')).toBe('640');
      expect(mode('ssh_host')).toBe('600');
      const args = ['-y', '-f', join(path, 'ssh_host')];
      const line = execFileSync('ssh-keygen', args, { encoding: 'utf8', stdio: 'pipe' });
      expect(read(rig, 'ssh/ssh_host.pub')).toContain(line.trim());
    },
  );

  test('keeps its instance in its storage directory', async () => {
    const rig = await createHostRig();
    const more = `storage: {type: directory, path: ${rig.data}}\noutputs:\n${output(rig, 'out', 'type: tls')}`;
    await rig.onceWith('App', more);
    await rig.onceWith('App', more);
    expect(rig.output.join('')).toMatch(/renewed as App .*generation 2/);
  });

  test.each([
    [
      'App',
      'type: identity',
      "outputs[0].type: an output of type identity is a bot's, and this joins as App",
    ],
    ['App', 'type: database', "an output of type database is a bot's"],
    ['App', 'type: tls, roles: [x]', 'outputs[0].roles: expected none: hosts have no roles'],
    ['Bot', 'type: ssh_host', 'comes from the join of a host: write role: Node in onboarding'],
    ['Sever', 'type: tls', 'onboarding.role: expected one of Bot, Node'],
  ])('is refused as %s with %s', async (role, fields, said) => {
    const rig = await createHostRig();
    expect(await rig.onceWith(role, `outputs:\n${output(rig, 'out', fields)}`)).toBe(1);
    expect(rig.output.at(-1)).toContain(said);
  });

  test.each([
    ['Node', 'host_key: /nope.pub'],
    ['Node', 'host_key: ssh_host.pub'],
  ])('is refused as %s with %s', async (role, key) => {
    const rig = await createHostRig();
    const fields = `type: ssh_host, ${key}`;
    expect(await rig.onceWith(role, `outputs:\n${output(rig, 'out', fields)}`)).not.toBe(0);
    expect(existsSync(join(rig.folder, 'out'))).toBe(false);
  });
});
