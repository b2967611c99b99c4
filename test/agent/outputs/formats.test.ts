import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writtenIdentity } from '../../../agent/written-identity.ts';
import { hasProgram } from '../../programs.ts';
import { createRig } from '../rig.ts';
import { type WrittenOutput, writeOutput } from './output-rig.ts';

/** That key and certificate belong together, whatever their form. */
function expectPair({ path }: WrittenOutput, key: string, certificate: string): void {
  const der = key.endsWith('.der') || key.endsWith('.pk8');
  const bytes = readFileSync(path(key));
  const privateKey = createPrivateKey(
    der ? { key: bytes, format: 'der', type: 'pkcs8' } : { key: bytes },
  );
  expect(new X509Certificate(readFileSync(path(certificate))).checkPrivateKey(privateKey)).toBe(
    true,
  );
}

describe('an output of type tls writes', () => {
  test.each([
    ['type: tls', ['tls.cas', 'tls.crt', 'tls.key'], 'tls.key', 'tls.crt'],
    [
      'type: tls, formats: [der]',
      ['tls.cas', 'tls.crt.der', 'tls.key.der'],
      'tls.key.der',
      'tls.crt.der',
    ],
    ['type: tls, formats: [combined]', ['tls.cas', 'tls.pem'], 'tls.pem', 'tls.pem'],
    [
      'type: tls, formats: [nginx]',
      ['ca.pem', 'fullchain.pem', 'privkey.pem'],
      'privkey.pem',
      'fullchain.pem',
    ],
    [
      'type: tls, formats: [postgresql]',
      ['postgresql.crt', 'postgresql.key', 'postgresql.pk8', 'root.crt'],
      'postgresql.pk8',
      'postgresql.crt',
    ],
    [
      'type: tls, formats: [mysql]',
      ['ca.pem', 'client-cert.pem', 'client-key.pem'],
      'client-key.pem',
      'client-cert.pem',
    ],
    ['type: tls, formats: [mongo]', ['mongo.cas', 'mongo.crt'], 'mongo.crt', 'mongo.crt'],
    ['type: tls, formats: [kubernetes]', ['ca.crt', 'tls.crt', 'tls.key'], 'tls.key', 'tls.crt'],
  ])('with %s the files %j', async (fields, names, key, certificate) => {
    const written = await writeOutput(fields);
    expect(written.visible).toEqual(names);
    expectPair(written, key, certificate);
  });

  test('several formats at once, all of one key', async () => {
    const written = await writeOutput('type: tls, formats: [pem, der, pkcs12, combined]');
    expect(written.visible).toEqual(
      [
        ...['keystore.p12', 'tls.cas', 'tls.crt', 'tls.crt.der'],
        ...['tls.key', 'tls.key.der', 'tls.pem', 'truststore.p12'],
      ].toSorted(),
    );
    expectPair(written, 'tls.key.der', 'tls.crt');
    expectPair(written, 'tls.key', 'tls.pem');
  });

  test('no files of a format that was taken away since', async () => {
    const { rig } = await writeOutput('type: tls, formats: [pem, nginx]');
    const { visible } = await writeOutput('type: tls', rig);
    expect(visible).toEqual(['tls.cas', 'tls.crt', 'tls.key']);
  });
});

test.each([
  'type: tls, formats: [pkcs12]',
  'type: tls, formats: [der]',
  'type: spiffe',
  'type: identity',
])('joinbot wait and joinbot status know the certificate of an output with %s', async (fields) => {
  const { out, visible } = await writeOutput(fields);
  const written = await writtenIdentity(out);
  expect(written?.tls.subject).toBe('CN=example');
  expect(visible).not.toContain('..certificate');
});

describe('key stores', () => {
  test.skipIf(!hasProgram('openssl'))(
    'are read by OpenSSL, with the key and its chain',
    async () => {
      const { run, path } = await writeOutput('type: tls, formats: [pkcs12, pem]');
      const show = ['pkcs12', '-in', path('keystore.p12'), '-passin', 'pass:changeit', '-nodes'];
      const text = run('openssl', ...show);
      expect(text.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
      expect(text).toContain('friendlyName: joinbot');
      const key = createPrivateKey(text);
      expect(key.equals(createPrivateKey(readFileSync(path('tls.key'))))).toBe(true);
      expect(() => run('openssl', ...show.with(4, 'pass:wrong!'))).toThrow();
    },
  );

  test.skipIf(!hasProgram('openssl'))(
    'have the password of a file, and the alias that was asked for',
    async () => {
      const rig = await createRig();
      const file = join(rig.folder, 'password');
      writeFileSync(file, 'correct horse battery\n');
      const { run, path } = await writeOutput(
        `type: tls, formats: [pkcs12], pkcs12: {password_file: ${file}, alias: web}`,
        rig,
      );
      const text = run(
        ...(['openssl', 'pkcs12', '-in', path('keystore.p12'), '-nokeys'] as const),
        ...['-passin', 'pass:correct horse battery'],
      );
      expect(text).toContain('friendlyName: web');
    },
  );

  test.each([
    ['is too short', 'hush', 'expected a password of one line'],
    ['has two lines', 'hush!!\nhush', 'expected a password of one line'],
    ['is not there', undefined, "can't be used: "],
  ])('are not written with a password that %s', async (_, text, said) => {
    const rig = await createRig();
    const file = join(rig.folder, 'password');
    if (text !== undefined) writeFileSync(file, text);
    const fields = `type: tls, formats: [pkcs12], pkcs12: {password_file: ${file}}`;
    await expect(writeOutput(fields, rig)).rejects.toThrow(said);
    expect(rig.output.join('')).not.toContain('hush');
    // Nothing was asked for.
    expect(rig.broker.calls).toEqual([]);
  });

  test.skipIf(!hasProgram('keytool'))(
    'are read by the JVM: an entry with its key, and authorities that it trusts',
    async () => {
      const { run, path } = await writeOutput('type: tls, formats: [pkcs12]');
      const list = (name: string): string =>
        run('keytool', '-list', '-v', '-storepass', 'changeit', '-keystore', path(name));
      expect(list('keystore.p12')).toMatch(
        /Alias name: joinbot[\s\S]*Entry type: PrivateKeyEntry\s+Certificate chain length: 2/,
      );
      expect(list('truststore.p12')).toMatch(/Entry type: trustedCertEntry/);
    },
  );
});

describe('an output of type database', () => {
  const fields = 'type: database, service: pg1, database: app, username: app';

  test('has the files of all tools and those called tls, and says what makes no difference', async () => {
    const { visible, rig } = await writeOutput(fields);
    expect(visible).toEqual(
      ['key', 'tls.cas', 'tls.crt', 'tls.key', 'tlscacerts', 'tlscert'].toSorted(),
    );
    const text = rig.output.join('');
    expect(text).toContain('service, database of a database output: name them where');
    expect(text).toContain("username of a database output: the certificate's common name is");
  });

  test('with format cockroach has the directory for --certs-dir, which changes with the rest', async () => {
    const { path, visible } = await writeOutput(`${fields}, format: cockroach`);
    expect(visible).toEqual(['cockroach', 'key', 'tlscacerts', 'tlscert']);
    const certificate = readFileSync(path('cockroach/client.example.crt'));
    expect(readFileSync(path('tlscert'))).toEqual(certificate);
    expect(readFileSync(path('cockroach/client.example.key'))).toEqual(readFileSync(path('key')));
    expect(readFileSync(path('cockroach/ca.crt'))).toEqual(readFileSync(path('tlscacerts')));
  });

  test.each([
    ['mongo', ['mongo.cas', 'mongo.crt']],
    ['tls', ['tls.cas', 'tls.crt', 'tls.key']],
    ['mysql', ['ca.pem', 'client-cert.pem', 'client-key.pem']],
  ])('with format %s has %j', async (format, names) => {
    const { visible } = await writeOutput(`${fields}, format: ${format}`);
    expect(visible).toEqual(expect.arrayContaining(names));
  });
});

test('an output of type application has the files of all tools, and with specific_tls_naming those called tls', async () => {
  const { visible, rig } = await writeOutput('type: application, app_name: grafana');
  expect(visible).toEqual(['key', 'tlscacerts', 'tlscert']);
  expect(rig.output.join('')).toContain('app_name makes no difference here');
  const named = await writeOutput('type: application, specific_tls_naming: true', rig);
  expect(named.visible).toEqual(expect.arrayContaining(['tls.cas', 'tls.crt', 'tls.key']));
});

test.each(['spiffe', 'workload-identity-x509'])(
  "an output of type %s is an X.509-SVID under SPIFFE's own names",
  async (type) => {
    const written = await writeOutput(`type: ${type}`);
    expect(written.visible).toEqual(['svid.pem', 'svid_bundle.pem', 'svid_key.pem']);
    expectPair(written, 'svid_key.pem', 'svid.pem');
    const leaf = new X509Certificate(readFileSync(written.path('svid.pem')));
    expect(leaf.subjectAltName).toBe('URI:spiffe://test.example.com/bot/example/1');
    await expect(writeOutput(`type: ${type}, selector: {name: web}`)).rejects.toThrow(
      "outputs[0].selector: expected none: the SPIFFE ID is the bot's or host's own",
    );
  },
);

test.each([
  ['type: tls, formats: [jks]', 'outputs[0].formats[0]: expected one of pem, der, pkcs12'],
  ['type: tls, formats: []', 'outputs[0].formats'],
  ['type: database, format: oracle', 'outputs[0].format: expected one of tls, mongo, cockroach'],
  ['type: identity, formats: [pem]', 'outputs[0].formats[0]: expected'],
  ['type: tls, format: pem', 'outputs[0].format: unknown field; did you mean formats?'],
])('an output with %s is refused', async (fields, said) => {
  await expect(writeOutput(fields)).rejects.toThrow(said);
});
