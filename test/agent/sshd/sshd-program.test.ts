/** What is asked of the machine's `sshd`, and what its answers mean. install.test.ts has a real one. */
import { expect, test } from 'vitest';
import type { ProgramOutcome } from '../../../agent/machine-programs.ts';
import { sshdSnippet } from '../../../agent/sshd/snippet.ts';
import { findSshd } from '../../../agent/sshd/sshd-program.ts';

async function sshd(at: string, outcome: Partial<ProgramOutcome> = {}) {
  const commands: string[] = [];
  const run = async (program: string, args: readonly string[]) => {
    commands.push([program, ...args].join(' '));
    return program === at ? { code: 0, stdout: '', stderr: '', ...outcome } : undefined;
  };
  const found = await findSshd({ run, signal: () => undefined }, '/etc/ssh/sshd_config');
  return { found, commands };
}

test('it is looked for where systems have it', async () => {
  const { found, commands } = await sshd('/usr/bin/sshd');
  expect(await found.test()).toBeUndefined();
  expect(commands).toEqual(
    ['/usr/sbin', '/usr/local/sbin', '/usr/bin'].map(
      (folder) => `${folder}/sshd -t -f /etc/ssh/sshd_config`,
    ),
  );
  const none = (await sshd('/opt/sshd')).found;
  await expect(none.settings()).rejects.toMatchObject({
    code: 'sshd',
    message: expect.stringContaining('there is no sshd here (/usr/sbin/sshd, /usr/local/'),
  });
});

test('what it complains of is told in one line', async () => {
  const outcome = { code: 255, stderr: ' one  \r\ntwo\nthree\n' };
  const { found } = await sshd('/usr/sbin/sshd', outcome);
  expect(await found.test()).toBe('one; two; three');
  await expect(found.settings()).rejects.toMatchObject({
    code: 'sshd',
    message: 'sshd does not take its configuration: one; two; three',
  });
});

test('its settings are the values of each name, in order', async () => {
  const stdout = 'port 22\nhostkey /a b\nhostkey /c\n spaced x\nbare\nempty \n';
  const { found, commands } = await sshd('/usr/sbin/sshd', { stdout });
  expect([...(await found.settings())]).toEqual([
    ['port', ['22']],
    ['hostkey', ['/a b', '/c']],
    ['empty', ['']],
  ]);
  expect(commands).toEqual(['/usr/sbin/sshd -T -f /etc/ssh/sshd_config']);
});

test('the lines for it name files of the directory, and keys only where they have to', () => {
  const head = '# Made by joinbot install sshd, which replaces this file: make no changes here.\n';
  const files =
    'HostCertificate "/d/ssh_host_key-cert.pub"\nTrustedUserCAKeys "/d/ssh_user_ca.pub"\n';
  expect(sshdSnippet('/d', { hostKeys: [], withRevokedKeys: false })).toBe(`${head}${files}`);
  expect(sshdSnippet('/d', { hostKeys: ['/a', '/b'], withRevokedKeys: true })).toBe(
    `${head}HostKey "/a"\nHostKey "/b"\n${files}RevokedKeys "/d/revoked.krl"\n`,
  );
});
