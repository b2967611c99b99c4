/**
 * AWS's own library signs, the broker and the simulated STS accept. Needs Python with `botocore`:
 * `pip install --target <folder> botocore==1.44.8`, and `PYTHONPATH=<folder>`.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { createAwsCloud } from '../../../local/aws/cloud.ts';
import type { AwsCredentials } from '../../../local/aws/credentials.ts';
import { askSts } from '../../../shared/attestation/aws/caller-identity.ts';
import { examineStsRequest } from '../../../shared/attestation/aws/sts-request.ts';
import { encodeBase64 } from '../../../shared/encoding/base64.ts';
import { STS_ENDPOINTS } from '../../../shared/protocol/sts.ts';
import { textOf } from '../../shared/run-program.ts';

const SCRIPT = fileURLToPath(new URL('sign_with_botocore.py', import.meta.url));
/** The version whose list of hosts is in the sources. */
const LISTED = '1.44.8';

const hasBotocore = spawnSync('python3', ['-c', 'import botocore']).status === 0;
if (!hasBotocore && process.env['CI']) {
  throw new Error('botocore is not installed, but tests need it.');
}
const python = (wishes: object) =>
  JSON.parse(textOf('python3', [SCRIPT], { stdin: JSON.stringify(wishes) })) as {
    readonly version: string;
    readonly hosts: Readonly<Record<string, string>>;
    readonly texts: readonly string[];
  };

const DIGEST = 'd'.repeat(64);

describe.skipIf(!hasBotocore)('a request that botocore signed', () => {
  const sign = (host: string, credentials: AwsCredentials): string => {
    const wish = {
      host,
      region: STS_ENDPOINTS.get(host)?.region,
      digest: DIGEST,
      access_key_id: credentials.accessKeyId,
      secret: credentials.secretAccessKey,
      token: credentials.sessionToken,
    };
    return python([wish]).texts[0] ?? '';
  };
  /** botocore signs with the system's clock: the simulated AWS has the time of the request. */
  const timeOf = (text: string): Date => {
    const [, y, mo, d, h, mi, s] =
      /X-Amz-Date: (....)(..)(..)T(..)(..)(..)Z/.exec(text) ?? expect.fail('has no date');
    return new Date(`${y}-${mo}-${d}T${h}:${mi}:${s}Z`);
  };

  test.each([
    ['of a role', 'sts.eu-west-1.amazonaws.com', 'role'],
    ['of a user', 'sts.amazonaws.com', 'user'],
  ])('%s is accepted at %s, with its last digit changed it is not', async (_, host, kind) => {
    let now = new Date();
    const cloud = createAwsCloud({ now: () => now });
    const account = cloud.account('111111111111');
    const user = account.user('robot');
    const role = account.role('teleport-bot-role');
    const credentials = kind === 'user' ? user.credentials : role.session('i-0abc');
    const text = sign(host, credentials);
    now = timeOf(text);

    const examine = (changed: string) =>
      examineStsRequest(encodeBase64(Buffer.from(changed)), { digest: DIGEST, at: now });
    expect(await askSts(examine(text), cloud.fetch)).toEqual(
      kind === 'user' ? user.principal : role.principal('i-0abc'),
    );
    const changed = text.replace(
      /(Signature=[0-9a-f]{63})(.)/,
      (_, start: string, last: string) => {
        return start + (last === '0' ? '1' : '0');
      },
    );
    await expect(askSts(examine(changed), cloud.fetch)).rejects.toMatchObject({
      reason: 'sts_denied',
    });
  });
});

const version = hasBotocore ? python([]).version : 'none';
test.skipIf(version !== LISTED)(`the hosts of STS are those of botocore ${LISTED}`, () => {
  const ours = [...STS_ENDPOINTS.values()].map(({ host, region }) => [host, region]);
  expect(Object.fromEntries(ours)).toEqual(python([]).hosts);
});
