/** A Kubernetes secret as a destination, beside an API server as small as it can be: over TLS, with a real client. */
import { mkdir, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { NoAnswer } from '../../../agent/http.ts';
import { kubernetesApi, writeSecret } from '../../../agent/kubernetes.ts';
import { sendDirectly } from '../../../agent/network-http.ts';
import type { AcceptedLists } from '../../../agent/revocation/accept-lists.ts';
import { listsInSecret } from '../../../agent/revocation/list-places.ts';
import type { KubernetesSecret } from '../../../agent/settings.ts';
import { hasProgram } from '../../programs.ts';
import { createClock, START } from '../clock.ts';
import { temporaryFolder } from '../folder.ts';
import { createRig, guideConfig } from '../rig.ts';
import { serverCertificate } from './server-certificate.ts';

interface Call {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

let calls: Call[] = [];
beforeEach(() => {
  calls = [];
});

async function cluster(answer: (call: Call) => { status: number; body: object }) {
  const { key, certificate } = await serverCertificate();
  const server = createServer({ key, cert: certificate }, async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    const { method, url, headers } = request;
    calls.push({ method, url, headers, body });
    const said = answer({ method, url, headers, body });
    response.writeHead(said.status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(said.body));
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const account = await temporaryFolder();
  await writeFile(join(account, 'token'), 'the-token\n');
  await writeFile(join(account, 'namespace'), 'apps\n');
  await writeFile(join(account, 'ca.crt'), certificate);
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const secret = (more: Partial<KubernetesSecret> = {}): KubernetesSecret => ({
    type: 'kubernetes_secret',
    api: { origin, account },
    name: 'web-tls',
    secretType: 'kubernetes.io/tls',
    labels: {},
    ...more,
  });
  return { account, secret };
}

const effects = { imds: sendDirectly, stop: new AbortController().signal };
const FILES = new Map<string, string | Uint8Array>([
  ['tls.crt', 'certificate'],
  ['tls.key', 'key'],
  ['cockroach/ca.crt', Uint8Array.of(0, 255)],
]);

describe.skipIf(!hasProgram('openssl'))('a secret', () => {
  test('is written by one patch, applied on the server, as the service account', async () => {
    const { secret } = await cluster(() => ({ status: 201, body: {} }));
    await writeSecret(secret({ labels: { app: 'web' } }), FILES, effects);
    expect(calls).toHaveLength(1);
    const [{ method, url, headers, body } = {} as Call] = calls;
    expect(`${method} ${url}`).toBe(
      'PATCH /api/v1/namespaces/apps/secrets/web-tls?fieldManager=joinbot&force=true',
    );
    expect(headers.authorization).toBe('Bearer the-token');
    expect(headers['content-type']).toBe('application/apply-patch+yaml');
    expect(headers.accept).toBe('application/json');
    expect(JSON.parse(body)).toEqual({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'web-tls', namespace: 'apps', labels: { app: 'web' } },
      type: 'kubernetes.io/tls',
      data: {
        'tls.crt': Buffer.from('certificate').toString('base64'),
        'tls.key': Buffer.from('key').toString('base64'),
        'ca.crt': 'AP8=',
      },
    });
  });

  test('has lists of revoked certificates of another manager, whom its certificates do not concern', async () => {
    const { secret } = await cluster(() => ({ status: 200, body: {} }));
    const wanted = secret({ labels: { app: 'web' } });
    const effects = {
      imds: sendDirectly,
      stop: new AbortController().signal,
      clock: createClock(),
    };
    const { place } = listsInSecret(wanted, ['tls.crl'], effects);
    const hour = { thisUpdate: START, nextUpdate: new Date(START.getTime() + 3600_000) };
    const lists = (says: string) =>
      ({ ...hour, crls: { content: says, says } }) as unknown as AcceptedLists;
    expect(await place.amend?.(undefined)).toBe(false);
    expect(await place.amend?.(lists('one'))).toBe(true);
    expect(await place.amend?.(lists('one'))).toBe(false);
    expect(await place.amend?.(lists('two'))).toBe(true);
    expect(calls.map(({ url }) => url)).toEqual(
      Array(2).fill(
        '/api/v1/namespaces/apps/secrets/web-tls?fieldManager=joinbot-revocation&force=true',
      ),
    );
    const [one, two] = calls.map(({ body }) => JSON.parse(body));
    expect(one.metadata).toEqual({ name: 'web-tls', namespace: 'apps' });
    expect([one.data, two.data]).toEqual(
      ['one', 'two'].map((text) => ({ 'tls.crl': Buffer.from(text).toString('base64') })),
    );
  });

  test('may be in another namespace', async () => {
    const { secret } = await cluster(() => ({ status: 200, body: {} }));
    await writeSecret(secret({ namespace: 'ingress' }), FILES, effects);
    expect(calls[0]?.url).toContain('/namespaces/ingress/secrets/web-tls?');
  });

  test('that is refused without a word of why is named with its namespace', async () => {
    const { secret } = await cluster(() => ({ status: 404, body: {} }));
    await expect(
      writeSecret(secret({ namespace: 'ingress' }), FILES, effects),
    ).rejects.toMatchObject({
      code: 'files',
      message: "the secret ingress/web-tls can't be written: there is no such namespace",
    });
  });

  test.each([
    [401, "the cluster doesn't take the service account's token"],
    [403, 'its role needs the verbs create and patch on secrets'],
    [404, 'there is no such namespace'],
    [422, 'a secret keeps the type that it was made with'],
    [500, "the cluster's API answered with status 500"],
  ])('that is refused with %s says what to do', async (status, said) => {
    const body = { message: 'field is immutable' };
    const { secret } = await cluster(() => ({ status, body }));
    const failed = writeSecret(secret(), FILES, effects);
    await expect(failed).rejects.toThrow(`the secret web-tls can't be written: `);
    await expect(failed).rejects.toThrow(said);
    await expect(failed).rejects.toThrow('(field is immutable)');
    await expect(failed).rejects.not.toThrow('the-token');
  });

  test("is not given to an API whose certificate is not the cluster's", async () => {
    const { secret, account } = await cluster(() => ({ status: 200, body: {} }));
    await writeFile(join(account, 'ca.crt'), (await serverCertificate()).certificate);
    await expect(writeSecret(secret(), FILES, effects)).rejects.toMatchObject({
      code: 'files',
      message: expect.stringMatching(
        /^the secret web-tls can't be written: the cluster's API gave no answer: .*its TLS certificate is not accepted/,
      ),
      cause: expect.any(NoAnswer),
    });
    expect(calls).toEqual([]);
  });

  test('is not said to have had no answer where the mistake is ours', async () => {
    const { secret } = await cluster(() => ({ status: 200, body: {} }));
    const mistake = new RangeError('x');
    const imds = () => Promise.reject(mistake);
    await expect(writeSecret(secret(), FILES, { ...effects, imds })).rejects.toBe(mistake);
  });

  test.each([
    ['token', 'two\nlines'],
    ['namespace', '../../nodes'],
  ])('is not asked for with a service account whose %s is none', async (name, text) => {
    const { secret, account } = await cluster(() => ({ status: 200, body: {} }));
    await writeFile(join(account, name), text);
    await expect(writeSecret(secret(), FILES, effects)).rejects.toMatchObject({
      code: 'files',
      message: `the service account in ${account} is not what Kubernetes makes`,
    });
    expect(calls).toEqual([]);
  });

  test('needs a service account', async () => {
    const { secret } = await cluster(() => ({ status: 200, body: {} }));
    const account = await temporaryFolder();
    await mkdir(join(account, 'token'));
    const api = { ...secret().api, account };
    await expect(writeSecret(secret({ api }), FILES, effects)).rejects.toThrow(account);
  });
});

describe('the config file', () => {
  const configOf = (type: string, more: string) =>
    guideConfig(`outputs: [{${type}, destination: {type: kubernetes_secret, ${more}}}]\n`);

  test.each([
    ['type: tls', 'name: UPPER', 'outputs[0].destination.name: expected a name of Kubernetes'],
    ['type: tls', 'name: a/b', 'outputs[0].destination.name: expected a name of Kubernetes'],
    ['type: tls', 'name: x, secret_type: helm', 'outputs[0].destination.secret_type: expected'],
    [
      'type: identity',
      'name: x, secret_type: kubernetes.io/tls',
      'a secret of type kubernetes.io/tls holds tls.crt and tls.key',
    ],
    [
      'type: tls, formats: [pkcs12]',
      'name: x, secret_type: kubernetes.io/tls',
      'a secret of type kubernetes.io/tls holds tls.crt and tls.key',
    ],
  ])('with %s and %s is refused', async (type, more, said) => {
    const rig = await createRig({ env: { KUBERNETES_SERVICE_HOST: '10.0.0.1' } });
    expect(await rig.start(configOf(type, more), '--oneshot')).toBe(1);
    expect(rig.output.at(-1)).toContain(said);
  });

  test('in a pod without a service account asks for nothing', async () => {
    const rig = await createRig({ env: { KUBERNETES_SERVICE_HOST: '10.0.0.1' } });
    expect(await rig.start(configOf('type: tls', 'name: x'), '--oneshot')).toBe(1);
    expect(rig.output.at(-1)).toContain('/var/run/secrets/kubernetes.io/serviceaccount');
    expect(rig.broker.calls).toEqual([]);
  });
});

test.each([
  [{ KUBERNETES_SERVICE_HOST: '10.0.0.1' }, 'https://10.0.0.1:443'],
  [
    { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' },
    'https://[fd00::1]:6443',
  ],
  [{}, undefined],
  [{ KUBERNETES_SERVICE_HOST: '' }, undefined],
])('the API of %j is at %s', (env, origin) => {
  expect(kubernetesApi(env)?.origin).toBe(origin);
});
