/** `identity`: whom its ssh_config is for, and the key in OpenSSH's own form. */
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { hasProgram } from '../../programs.ts';
import { writeOutput } from './output-rig.ts';

const configOf = (fields = '') => writeOutput(`type: identity${fields}`);

describe('ssh_config', () => {
  test("is for the cluster's hosts, and for those that were named", async () => {
    const first = await configOf();
    expect(readFileSync(first.path('ssh_config'), 'utf8')).toMatch(
      /^Host \*\.test\.example\.com\n/,
    );
    const { path } = await configOf(', hosts: [web-1, "*.corp.example", "!db.corp.example"]');
    expect(readFileSync(path('ssh_config'), 'utf8')).toMatch(
      /^Host \*\.test\.example\.com web-1 \*\.corp\.example !db\.corp\.example\n/,
    );
  });

  test.skipIf(!hasProgram('ssh'))(
    'that is included changes nothing for other hosts, and all for its own',
    async () => {
      const { run, path } = await configOf();
      const settings = (host: string): string => run('ssh', '-G', '-F', path('ssh_config'), host);
      const own = settings('web-1.test.example.com');
      expect(own).toContain('stricthostkeychecking true');
      expect(own).toContain(`identityfile ${path('key')}`);
      for (const host of ['github.com', 'test.example.com.evil.org', 'xtest.example.com']) {
        expect(settings(host)).not.toContain(path(''));
        expect(settings(host)).toContain('stricthostkeychecking ask');
      }
    },
  );

  test.skipIf(!['ssh', 'ssh-keygen'].map(hasProgram).every(Boolean))(
    'names a list of revoked hosts where it is to have one, which OpenSSH reads even before the broker has given any',
    async () => {
      const { run, path, visible } = await configOf(', revocation: true');
      expect(visible).toContain('revoked.krl');
      expect(run('ssh', '-G', '-F', path('ssh_config'), 'web-1.test.example.com')).toContain(
        `revokedhostkeys ${path('revoked.krl')}\n`,
      );
      // It refuses nobody.
      run('ssh-keygen', '-Q', '-l', '-f', path('revoked.krl'), path('key-cert.pub'));
      const plain = await configOf();
      expect(plain.visible).not.toContain('revoked.krl');
      expect(readFileSync(plain.path('ssh_config'), 'utf8')).not.toContain('RevokedHostKeys');
    },
  );

  test('is not written where it is off', async () => {
    expect((await configOf(', ssh_config: off')).visible).not.toContain('ssh_config');
  });

  test.each(['"a b"', '"a\\nHost *"', '-oProxyCommand=x', '"*,x y"', '"#x"'])(
    'has no host %s',
    async (host) => {
      await expect(configOf(`, hosts: [${host}]`)).rejects.toThrow('outputs[0].hosts');
    },
  );
});

describe("the key in OpenSSH's form", () => {
  test('is not there unless it is asked for', async () => {
    expect((await configOf()).visible).not.toContain('id_ecdsa');
  });

  test.skipIf(!hasProgram('ssh-keygen'))(
    'is the key of the certificate beside it, as ssh-keygen reads both, in whatever length',
    async () => {
      // A scalar that is shorter, or whose first bit is set, is written otherwise: of ten keys some are of either kind.
      for (let tries = 0; tries < 10; tries += 1) {
        const { run, path } = await configOf(', formats: [openssh]');
        const line = readFileSync(path('key.pub'), 'utf8');
        expect(run('ssh-keygen', '-y', '-P', '', '-f', path('id_ecdsa'))).toBe(line);
        expect(run('ssh-keygen', '-L', '-f', path('id_ecdsa-cert.pub'))).toContain(
          'user certificate',
        );
        expect(readFileSync(path('id_ecdsa'), 'utf8').length).toBeLessThan(1024);
        expect(createPrivateKey(readFileSync(path('key'))).asymmetricKeyType).toBe('ec');
      }
    },
  );
});
