/** The endpoint of a container's credentials is this machine's own, and so is its token. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { containerCredentials } from '../../../agent/aws/container-credentials.ts';
import type { Environment } from '../../../agent/aws/credentials.ts';
import { type HttpRequest, NoAnswer } from '../../../agent/http.ts';
import { temporaryFolder } from '../folder.ts';
import { createAwsRig } from './rig.ts';

const RELATIVE = 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI';
const FULL = 'AWS_CONTAINER_CREDENTIALS_FULL_URI';
const TOKEN = 'AWS_CONTAINER_AUTHORIZATION_TOKEN';
const RIGHT = JSON.stringify({
  AccessKeyId: 'ASIAIOSFODNN7EXAMPLE',
  SecretAccessKey: 'x'.repeat(40),
  Token: 'y'.repeat(40),
  Expiration: '2026-11-20T20:05:00Z',
});

async function ask(env: Environment, text: string | NoAnswer = RIGHT) {
  const asked: HttpRequest[] = [];
  const imds = async (request: HttpRequest) => {
    asked.push(request);
    if (text instanceof NoAnswer) throw text;
    return { status: 200, header: () => undefined, body: Buffer.from(text) };
  };
  const { effects } = createAwsRig();
  return { found: await containerCredentials({ ...effects, imds }, env), asked };
}

describe('is asked:', () => {
  test.each([
    [{ [RELATIVE]: '/v2/a' }, 'http://169.254.170.2/v2/a'],
    [{ [RELATIVE]: `/${'a'.repeat(512)}` }, `http://169.254.170.2/${'a'.repeat(512)}`],
    [{ [FULL]: 'http://169.254.170.2/a' }, 'http://169.254.170.2/a'],
    [{ [FULL]: 'http://169.254.170.23/a' }, 'http://169.254.170.23/a'],
    [{ [FULL]: 'http://[fd00:ec2::23]/a' }, 'http://[fd00:ec2::23]/a'],
    [{ [FULL]: 'http://127.0.0.1:8080/a' }, 'http://127.0.0.1:8080/a'],
  ])('%j', async (env, url) => {
    const { found, asked } = await ask(env);
    expect(found?.accessKeyId).toBe('ASIAIOSFODNN7EXAMPLE');
    expect(asked).toMatchObject([{ method: 'GET', url, headers: { accept: 'application/json' } }]);
    expect(asked[0]?.headers).not.toHaveProperty('authorization');
  });

  test('nobody where nothing is named', async () => {
    expect(await ask({ [TOKEN]: 'x' })).toEqual({ found: undefined, asked: [] });
  });
});

describe('is not asked:', () => {
  test.each(['a', '/a b', '/a\r\nb', `/${'a'.repeat(513)}`, 'x/a'])('the path %j', async (path) => {
    await expect(ask({ [RELATIVE]: path })).rejects.toMatchObject({ code: 'config' });
  });

  test.each([
    'http://169.254.169.254/',
    'http://user@127.0.0.1/',
    'http://:password@127.0.0.1/',
    'https://169.254.170.2/',
    'nonsense',
  ])('the address %s', async (address) => {
    await expect(ask({ [FULL]: address })).rejects.toMatchObject({
      code: 'config',
      message: `${FULL}: expected an http:// address on loopback or one of 169.254.170.2, 169.254.170.23, [fd00:ec2::23], got ${address}`,
    });
  });
});

describe('the token', () => {
  const AT = { [RELATIVE]: '/a' };

  test('of the environment, or of a file, which comes first, is sent along', async () => {
    const sent = async (env: Environment) => (await ask({ ...AT, ...env })).asked[0]?.headers;
    expect(await sent({ [TOKEN]: 'a b' })).toMatchObject({ authorization: 'a b' });
    const file = join(await temporaryFolder(), 'token');
    await writeFile(file, 'of a file\n');
    const both = { [TOKEN]: 'x', [`${TOKEN}_FILE`]: file };
    expect(await sent(both)).toMatchObject({ authorization: 'of a file' });
    await writeFile(file, '\n');
    expect(await sent(both)).not.toHaveProperty('authorization');
  });

  test.each(['a\r\nb: c', 'é', 'x'.repeat(8193)])(
    'is not %j, wherever it stands',
    async (token) => {
      const said = 'has characters that no token has';
      await expect(ask({ ...AT, [TOKEN]: token })).rejects.toThrow(`${TOKEN} ${said}`);
      const file = join(await temporaryFolder(), 'token');
      await writeFile(file, token);
      await expect(ask({ ...AT, [`${TOKEN}_FILE`]: file })).rejects.toThrow(
        `the file of ${TOKEN}_FILE ${said}`,
      );
    },
  );

  test('that can not be read is told of', async () => {
    const file = join(await temporaryFolder(), 'none');
    await expect(ask({ ...AT, [`${TOKEN}_FILE`]: file })).rejects.toMatchObject({
      code: 'files',
      cause: { code: 'ENOENT' },
    });
  });
});

test('what is no answer, or none of credentials, is told of', async () => {
  const none = new NoAnswer('the connection was refused');
  await expect(ask({ [RELATIVE]: '/a' }, none)).rejects.toMatchObject({
    code: 'metadata',
    cause: none,
  });
  await expect(ask({ [RELATIVE]: '/a' }, '{}')).rejects.toMatchObject({ code: 'metadata' });
});
