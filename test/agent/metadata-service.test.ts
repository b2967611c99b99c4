import { mkdir, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { describeMachine } from '../../agent/azure-machine.ts';
import type { Log } from '../../agent/log.ts';
import { metadataService } from '../../agent/metadata-service.ts';
import { createClock } from './clock.ts';
import { temporaryFolder } from './folder.ts';
import { createRig, guideConfig } from './rig.ts';

const DOCUMENT_FORM = 'not of the form that Azure documents';

const oneshot = async (rig: Awaited<ReturnType<typeof createRig>>, more = '') => {
  const code = await rig.start(guideConfig(more), '--oneshot');
  return { code, said: rig.output.at(-1) ?? '' };
};

test.each([404, 410, 429, 500, 503])('asks again after status %i', async (status) => {
  const rig = await createRig();
  rig.vm.faults.set({ status, retryAfterSeconds: 2 }, { times: 3 });
  expect((await oneshot(rig)).code).toBe(0);
  expect(rig.clock.sleeps).toEqual([2000, 2000, 2000]);
});

test('asks no more than 70 s long while the service is being updated', async () => {
  const rig = await createRig();
  rig.vm.faults.set({ status: 410, retryAfterSeconds: 20 });
  expect((await oneshot(rig)).code).toBe(1);
  // For the VM's resource id, which a join can do without, then for the token.
  expect(rig.clock.sleeps).toEqual([20_000, 20_000, 20_000, 20_000, 20_000, 20_000]);
});

test('an answer that Azure would not give leads to the question what this machine is', async () => {
  const rig = await createRig();
  rig.vm.faults.set({ status: 403 });
  expect((await oneshot(rig)).said).toMatch(/did not give an access token: status 403, .*Azure VM/);
});

test.each([400, 403, 405])('does not ask again after status %i', async (status) => {
  const rig = await createRig();
  rig.vm.faults.set({ status });
  expect((await oneshot(rig)).code).toBe(1);
  expect(rig.clock.sleeps).toEqual([]);
});

test('joins without the resource id when the service does not give it', async () => {
  const rig = await createRig();
  rig.vm.faults.set({ status: 400 }, { times: 1 });
  expect((await oneshot(rig)).code).toBe(0);
  expect(rig.broker.joins[0]?.body.azure?.resource_id).toBeUndefined();
});

test('says that the service can not be reached, and what this machine looks like', async () => {
  const rig = await createRig();
  rig.vm.remove();
  const { code, said } = await oneshot(rig);
  expect(code).toBe(1);
  expect(said).toContain(
    "Azure's metadata service at http://169.254.169.254 can't be reached: the connection was refused. ",
  );
  expect(said).toContain('Azure VM');
  expect(rig.broker.calls.map(({ path }) => path)).toEqual(['/v1/trust']);
});

test('asks again for a document when an older one comes from the cache', async () => {
  const rig = await createRig();
  rig.vm.serve({ document: { nonce: '0'.repeat(32) } });
  rig.clock.onSleep = () => {
    if (rig.clock.sleeps.length === 2) rig.vm.serve({});
  };
  expect((await oneshot(rig)).code).toBe(0);
  expect(rig.clock.sleeps).toEqual([1000, 2000]);
});

test('gives up when only older documents come', async () => {
  const rig = await createRig();
  rig.vm.serve({ document: { nonce: '0'.repeat(32) } });
  expect((await oneshot(rig)).said).toContain(
    'answered 5 times with an attested document for another nonce',
  );
});

test('a document in another form is refused, not passed on', async () => {
  const rig = await createRig();
  rig.vm.faults.set('broken_json');
  expect((await oneshot(rig)).said).toContain('not of the form that Azure documents');
  expect(rig.broker.joins).toEqual([]);
});

test('says which identity is missing and what to do', async () => {
  const rig = await createRig();
  const { said } = await oneshot(
    rig,
    '  azure: {client_id: 22222222-2222-2222-2222-222222222222}\n',
  );
  expect(said).toContain(
    'this VM has no managed identity with the client id 22222222-2222-2222-2222-222222222222: assign it to the VM',
  );
});

test.each([
  [{}, '--oneshot'],
  [{ clientId: true }, '--oneshot'],
  [{}, '-d'],
])(
  'waits about a minute for an identity that was assigned just now (%j, %s)',
  async (named, flag) => {
    const rig = await createRig({ vm: { systemAssigned: false } });
    const identity = rig.vm.subscription.userAssignedIdentity('a', { resourceGroup: 'ids' });
    rig.clock.onSleep = () => {
      if (rig.clock.sleeps.length === 4) rig.vm.assign(identity);
      if (rig.clock.sleeps.length === 5) rig.stop.abort();
    };
    const azure = 'clientId' in named ? `  azure: {client_id: ${identity.clientId}}\n` : '';
    expect(await rig.start(guideConfig(azure), flag)).toBe(0);
    expect(rig.clock.sleeps.slice(0, 4)).toEqual([5000, 10_000, 15_000, 30_000]);
    expect(rig.broker.joins).toHaveLength(1);
    expect(rig.output.join('')).toContain(
      "WARN  the metadata service doesn't know the managed identity (yet); asking again in 30 s",
    );
  },
);

test('says what to do on a VM without an identity', async () => {
  const rig = await createRig({ vm: { systemAssigned: false } });
  expect((await oneshot(rig)).said).toContain(
    'this VM has no system-assigned identity: switch it on',
  );
});

test('says what to do on a VM with several identities', async () => {
  const rig = await createRig({ vm: { systemAssigned: false } });
  for (const name of ['a', 'b']) {
    rig.vm.assign(rig.vm.subscription.userAssignedIdentity(name, { resourceGroup: 'ids' }));
  }
  expect((await oneshot(rig)).said).toContain(
    'this VM has several user-assigned identities: name the one to join with in onboarding.azure.client_id',
  );
});

test.each([
  [
    '7783-7084-3265-9085-8269-3286-77',
    'Microsoft Corporation',
    'This machine looks like an Azure VM',
  ],
  ['7783-7084-3265-9085-8269-3286-77', 'QEMU', 'This machine looks like an Azure VM'],
  ['', 'Microsoft Corporation', 'This machine looks like an Azure VM'],
  ['', 'QEMU', "This machine doesn't look like an Azure VM (its vendor is QEMU)"],
])('asset tag %j and vendor %j', async (tag, vendor, said) => {
  const folder = await temporaryFolder();
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}/chassis_asset_tag`, `${tag}\n`);
  await writeFile(`${folder}/sys_vendor`, `${vendor}\n`);
  expect(await describeMachine(folder)).toContain(said);
});

test('a machine without firmware to ask', async () => {
  expect(await describeMachine('/nowhere')).toContain('Nothing here says that this is an Azure VM');
});

describe('the service alone', () => {
  interface Answer {
    readonly status?: number;
    readonly body: unknown;
  }

  function serviceWith(answer: (path: string) => Answer) {
    const asked: [path: string, query: Record<string, string>][] = [];
    const said: string[] = [];
    const stop = new AbortController();
    const clock = createClock();
    const say = (level: string) => (message: string) => void said.push(`${level} ${message}`);
    const log = { warn: say('warn'), debug: say('debug') } as unknown as Log;
    const service = metadataService(
      async (path, query) => {
        asked.push([path, query]);
        const { status = 200, body } = answer(path);
        const text = typeof body === 'string' ? body : JSON.stringify(body);
        return { status, header: () => undefined, body: Buffer.from(text) };
      },
      { clock, log, stop: stop.signal },
      async () => 'Where is this?',
    );
    return { service, asked, said, stop, clock };
  }

  test('says which VM this is', async () => {
    const { service, asked, said } = serviceWith(() => ({ body: { resourceId: '/vm', more: 1 } }));
    expect(await service.resourceId()).toBe('/vm');
    expect(asked).toEqual([['instance/compute', { 'api-version': '2021-02-01', format: 'json' }]]);
    expect(said).toEqual([]);
  });

  test.each<[string, Answer]>([
    ['in no JSON', { body: '<' }],
    ['without a name', { body: {} }],
    ['with an empty name', { body: { resourceId: '' } }],
    ['with a name that is too long', { body: { resourceId: 'x'.repeat(1025) } }],
    ['with another status', { status: 500, body: { resourceId: '/vm' } }],
  ])('that it answers %s is said, and nothing is believed', async (_, answer) => {
    const { service, said } = serviceWith(() => answer);
    expect(await service.resourceId()).toBeUndefined();
    expect(said).toEqual([
      `warn the metadata service doesn't say which VM this is (status ${answer.status ?? 200}): the broker has to find out`,
    ]);
  });

  test('is asked five times for a document, and not a sixth time', async () => {
    const { vm } = await createRig();
    const url = 'http://169.254.169.254/metadata/attested/document?api-version=2021-02-01&nonce=';
    const old = await (
      await vm.fetch(new Request(`${url}older`, { headers: { metadata: 'true' } }))
    ).text();
    const { service, asked, said, clock } = serviceWith(() => ({ body: old }));
    expect(await service.attestedDocument('older')).toMatchObject({ nonce: 'older' });
    expect([asked.splice(0).length, said]).toEqual([1, []]);
    await expect(service.attestedDocument('mine')).rejects.toMatchObject({ code: 'metadata' });
    expect(asked).toEqual(
      Array(5).fill(['attested/document', { 'api-version': '2021-02-01', nonce: 'mine' }]),
    );
    expect(clock.sleeps).toEqual([1000, 2000, 3000, 4000]);
    expect(said).toEqual(Array(5).fill(expect.stringContaining('debug the metadata service')));
  });

  test.each<[string, Answer, string]>([
    ['with another status', { status: 403, body: 'no' }, 'status 403, no. Where is this?'],
    ['with another status, and no word', { status: 403, body: '' }, 'status 403. Where is this?'],
    ['of another encoding', { body: { encoding: 'x', signature: 'MAA=' } }, DOCUMENT_FORM],
    [
      'with a signature in no base64',
      { body: { encoding: 'pkcs7', signature: '!' } },
      DOCUMENT_FORM,
    ],
  ])('a document %s is refused', async (_, answer, said) => {
    const { service } = serviceWith(() => answer);
    const problem = await service.attestedDocument('mine').catch((error: unknown) => error);
    expect(problem).toMatchObject({ code: 'metadata', message: expect.stringMatching(/[^)]$/) });
    expect((problem as Error).message.endsWith(said)).toBe(true);
  });

  test('a document that is no signed data is refused, with the reason', async () => {
    const { service } = serviceWith(() => ({ body: { encoding: 'pkcs7', signature: 'MAA=' } }));
    await expect(service.attestedDocument('mine')).rejects.toMatchObject({
      code: 'metadata',
      message: expect.stringMatching(/that Azure documents \(.+\)$/),
    });
  });

  test('a document that signs no nonce is refused', async () => {
    const { vm } = await createRig();
    const { signature } = vm.attestedDocument({ content: { nonce: null } });
    const { service } = serviceWith(() => ({ body: { encoding: 'pkcs7', signature } }));
    await expect(service.attestedDocument('mine')).rejects.toMatchObject({
      code: 'metadata',
      message: `the attested document of the metadata service is ${DOCUMENT_FORM}`,
    });
  });

  const missing = { error_description: 'Identity not found' };

  test('is asked for a token once where it refuses it for good', async () => {
    const { service, asked } = serviceWith(() => ({ status: 403, body: missing }));
    await expect(service.accessToken('api://a', 'client')).rejects.toMatchObject({
      code: 'metadata',
      message: expect.stringContaining('did not give an access token: status 403'),
    });
    expect(asked).toEqual([
      [
        'identity/oauth2/token',
        { 'api-version': '2018-02-01', resource: 'api://a', client_id: 'client' },
      ],
    ]);
  });

  test('is asked no more for a token once joinbot is told to stop', async () => {
    const { service, asked, clock, stop } = serviceWith(() => ({ status: 400, body: missing }));
    clock.onSleep = () => stop.abort();
    await expect(service.accessToken('api://a', undefined)).rejects.toMatchObject({
      code: 'stopped',
    });
    expect(asked).toHaveLength(1);
  });

  test('that an identity stays missing is an error that says what to do', async () => {
    const { service, asked } = serviceWith(() => ({ status: 400, body: missing }));
    await expect(service.accessToken('api://a', undefined)).rejects.toMatchObject({
      code: 'metadata',
      message: expect.stringContaining('this VM has no system-assigned identity'),
    });
    expect(asked).toHaveLength(5);
  });

  test.each([{}, { access_token: '' }, '<'])('an answer %j has no token', async (body) => {
    const { service } = serviceWith(() => ({ body }));
    await expect(service.accessToken('api://a', undefined)).rejects.toMatchObject({
      code: 'metadata',
      message: expect.stringContaining('an access token of the metadata service is not of'),
    });
  });
});
