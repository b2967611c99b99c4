import { createHash, X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createRoot } from '../../../local/azure/certificates/authority.ts';
import { newAuthorityKey } from '../../../local/azure/certificates/certificate-key.ts';
import { encodePem } from '../../../shared/encoding/pem.ts';
import { NOW, type TerminalOptions, terminal } from '../joinctl.ts';

const DER = createRoot('Microsoft TLS RSA Root G4', newAuthorityKey(), NOW).certificate;
const PEM = encodePem('CERTIFICATE', DER);
const FINGERPRINT = new X509Certificate(DER).fingerprint256;
const SHA256 = FINGERPRINT.replaceAll(':', '').toLowerCase();
const KEY_SHA256 = createHash('sha256')
  .update(new X509Certificate(DER).publicKey.export({ type: 'spki', format: 'der' }))
  .digest('hex');
const NAME = 'microsoft-tls-rsa-root-g4';

async function withFile(content: string | Uint8Array, options: TerminalOptions = {}) {
  const shell = await terminal(options);
  await writeFile(join(shell.folder, 'root.crt'), content);
  return shell;
}

describe('joinctl azure-roots add', () => {
  it.each([
    ['PEM', PEM],
    ['DER', DER],
  ])('takes %s, shows the fingerprint, asks, and names the resource after it', async (_, file) => {
    const shell = await withFile(file, { answer: 'yes' });
    const { code, stdout, stderr } = await shell.run('azure-roots', 'add', 'root.crt');
    expect(code).toBe(0);
    expect(stderr).toContain(`SHA-256   ${SHA256}`);
    expect(stdout).toContain(`azure_root "${NAME}" has been created`);
    expect(shell.broker.stored('azure_root', NAME)?.spec).toEqual({
      certificate: PEM,
      sha256: SHA256,
    });
  });

  it('does nothing where the answer is no, or nobody is there to ask', async () => {
    const no = await withFile(PEM, { answer: 'no' });
    expect(await no.run('azure-roots', 'add', 'root.crt')).toMatchObject({ code: 1 });
    const nobody = await withFile(PEM, { stdin: '' });
    expect(await nobody.run('azure-roots', 'add', 'root.crt')).toMatchObject({ code: 1 });
    for (const { broker } of [no, nobody])
      expect(broker.stored('azure_root', NAME)).toBeUndefined();
  });

  it('asks nothing where the published fingerprint is given, and refuses another one', async () => {
    const shell = await withFile(PEM, { stdin: '' });
    const wrong = `--sha256=${'00:'.repeat(31)}00`;
    expect(await shell.run('azure-roots', 'add', 'root.crt', wrong)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not the one that was given: nothing was done'),
    });
    const right = ['azure-roots', 'add', 'root.crt', `--sha256=${FINGERPRINT}`, '--name=g4'];
    expect((await shell.run(...right)).code).toBe(0);
    expect(shell.broker.stored('azure_root', 'g4')).toBeDefined();
    expect(await shell.run(...right)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('exists already'),
    });
  });

  it.each([
    ['no certificate', 'rubbish'],
    ['two certificates', PEM + PEM],
    ['a byte too many', Buffer.concat([DER, Buffer.of(0)])],
  ])('refuses %s before the broker is asked', async (_, file) => {
    const shell = await withFile(file);
    expect(await shell.run('azure-roots', 'add', 'root.crt', '--yes')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is not one certificate in PEM or DER'),
    });
    expect(shell.broker.requests).toEqual([]);
  });

  it('says what is wrong with a fingerprint or a file', async () => {
    const shell = await withFile(PEM);
    expect(await shell.run('azure-roots', 'add', 'root.crt', '--sha256=abc')).toMatchObject({
      code: 2,
    });
    expect(await shell.run('azure-roots', 'add', 'no.crt')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is no such file'),
    });
  });
});

describe('joinctl azure-signers deny', () => {
  it.each([
    ['a fingerprint with colons', FINGERPRINT],
    ['one in hex', SHA256],
  ])('takes %s: of this one certificate', async (_, given) => {
    const shell = await withFile(PEM);
    const { code, stdout } = await shell.run('azure-signers', 'deny', given, '--message=leaked');
    expect(code).toBe(0);
    expect(stdout).toContain('another one of the same key counts');
    expect(
      shell.broker.stored('azure_denied_signer', `sha256-${SHA256.slice(0, 16)}`)?.spec,
    ).toEqual({ sha256: SHA256, message: 'leaked' });
  });

  it.each([
    ['PEM', PEM],
    ['DER', DER],
  ])('takes a file of %s: it denies the key', async (_, file) => {
    const shell = await withFile(file);
    const { code, stdout } = await shell.run('azure-signers', 'deny', 'root.crt');
    expect(code).toBe(0);
    expect(stdout).toContain('the key of Microsoft TLS RSA Root G4');
    const name = `key-${KEY_SHA256.slice(0, 16)}`;
    expect(shell.broker.stored('azure_denied_signer', name)?.spec).toEqual({
      public_key_sha256: KEY_SHA256,
    });
    expect((await shell.run('azure-signers', 'ls')).stdout).toMatch(
      new RegExp(`^${name} +key +${KEY_SHA256} `, 'm'),
    );
  });

  it('completes the names of what it could remove', async () => {
    const shell = await withFile(PEM);
    await shell.run('azure-signers', 'deny', SHA256, '--name=leaked');
    expect((await shell.run('__complete', '--', 'azure-signers', 'rm', '')).stdout).toContain(
      'leaked',
    );
  });
});
