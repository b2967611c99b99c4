/** The Workload API on its socket, with gRPC's own client. go-spiffe has a test of its own (test/scenarios). */
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { chmod, link, mkdir, readdir, rename, symlink } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  bundlesResponse,
  svidResponse,
  trustDomainOf,
  type X509Svid,
} from '../../../agent/workload-api/messages.ts';
import { serveWorkloadApi, type WorkloadApi } from '../../../agent/workload-api/server.ts';
import { temporaryFolder } from '../folder.ts';
import { createRig, guideConfig } from '../rig.ts';
import { takeAway } from '../taken-away.ts';

const SVID: X509Svid = {
  id: 'spiffe://example.org/bot/x/1',
  chain: [Buffer.from('leaf'), Buffer.from('issuing')],
  key: Buffer.from('key'),
  authorities: [Buffer.from('root')],
};
const OTHER = { ...SVID, chain: [Buffer.from('another leaf')] };

async function serve(
  mode = 0o600,
  path?: string,
  warn: (message: string) => void = () => undefined,
): Promise<{ api: WorkloadApi; path: string }> {
  const at = path ?? join(await temporaryFolder(), 'run/workload.sock');
  const api = await serveWorkloadApi({ path: at, mode }, async () => undefined, warn);
  onTestFinished(() => api.close());
  return { api, path: at };
}

/** Whether anybody listens there, under whatever name. */
async function answersAt(path: string): Promise<boolean> {
  const socket = createConnection(path);
  const found = once(socket, 'connect').then(
    () => true,
    () => false,
  );
  return found.finally(() => socket.destroy());
}

const HEADER = { 'workload.spiffe.io': 'true' };

/** Asks once; `next` gives the answers of the stream one after the other. */
function ask(
  path: string,
  method: string,
  headers: Readonly<Record<string, string | readonly string[]>> = HEADER,
  request = Buffer.alloc(0),
) {
  const client = new Client(`unix:${path}`, credentials.createInsecure());
  onTestFinished(() => client.close());
  const metadata = new Metadata();
  for (const [name, values] of Object.entries(headers))
    for (const value of [values].flat()) metadata.add(name, value);
  const same = (bytes: Buffer) => bytes;
  const stream = client.makeServerStreamRequest(
    `/SpiffeWorkloadAPI/${method}`,
    same,
    same,
    request,
    metadata,
  );
  const answers: Buffer[] = [];
  const waiting: ((answer: Buffer | ServiceError) => void)[] = [];
  const settle = (answer: Buffer | ServiceError): void => {
    const first = waiting.shift();
    if (first) first(answer);
    else if (Buffer.isBuffer(answer)) answers.push(answer);
  };
  stream.on('data', settle);
  stream.on('error', settle);
  return {
    /** Until the server has it: over one connection what comes later is answered later. */
    arrived: () =>
      new Promise<void>((resolve) => {
        const path = '/SpiffeWorkloadAPI/None';
        client.makeUnaryRequest(path, same, same, Buffer.alloc(0), () => resolve());
      }),
    next: () =>
      new Promise<Buffer | ServiceError>((resolve) => {
        const ready = answers.shift();
        if (ready) resolve(ready);
        else waiting.push(resolve);
      }),
  };
}

test('messages are those of workload.proto', () => {
  expect(svidResponse(SVID).toString('latin1')).toBe(
    '\x0a\x36\x0a\x1cspiffe://example.org/bot/x/1\x12\x0bleafissuing\x1a\x03key\x22\x04root',
  );
  expect(bundlesResponse(SVID).toString('latin1')).toBe(
    '\x12\x1c\x0a\x14spiffe://example.org\x12\x04root',
  );
  // A length of more than seven bits takes two bytes.
  const long = svidResponse({ ...SVID, key: Buffer.alloc(300) });
  expect(long.toString('latin1')).toContain('\x1a\xac\x02\0\0');
  const shorter = svidResponse({ ...SVID, key: Buffer.alloc(128) });
  expect(shorter.toString('latin1')).toContain('\x1a\x80\x01\0\0');
});

test('a trust domain is that of a SPIFFE ID, and of nothing else', () => {
  expect(trustDomainOf(SVID.id)).toBe('spiffe://example.org');
  expect(['', 'x spiffe://example.org/'].map(trustDomainOf)).toEqual(['', '']);
});

describe('a stream', () => {
  test.each([
    ['FetchX509SVID', svidResponse],
    ['FetchX509Bundles', bundlesResponse],
  ] as const)('of %s has what there is, and each change', async (method, make) => {
    const { api, path } = await serve();
    const early = ask(path, method);
    const first = early.next();
    await early.arrived();
    api.publish(SVID);
    expect(await first).toEqual(make(SVID));
    const late = ask(path, method);
    expect(await late.next()).toEqual(make(SVID));
    api.publish(OTHER);
    expect(await early.next()).toEqual(make(OTHER));
    expect(await late.next()).toEqual(make(OTHER));
  });

  test.each([
    ['without the security header', {}],
    ['with another value', { 'workload.spiffe.io': 'false' }],
    ['with two values', { 'workload.spiffe.io': ['true', 'true'] }],
  ])('%s is refused, and gets no key', async (_, headers) => {
    const { api, path } = await serve();
    api.publish(SVID);
    for (const method of ['FetchX509SVID', 'FetchX509Bundles'])
      expect(await ask(path, method, headers).next()).toMatchObject({
        code: status.INVALID_ARGUMENT,
      });
  });

  test('whose request is not empty is refused', async () => {
    const { api, path } = await serve();
    api.publish(SVID);
    const asking = (bytes: number) =>
      ask(path, 'FetchX509SVID', HEADER, Buffer.alloc(bytes)).next();
    expect(await asking(1025)).toMatchObject({ code: status.INVALID_ARGUMENT });
    // Room for fields that a later version of the API has.
    expect(await asking(1024)).toEqual(svidResponse(SVID));
  });

  test.each(['FetchJWTSVID', 'FetchJWTBundles', 'ValidateJWTSVID'])(
    'of %s is not implemented',
    async (method) => {
      const { path } = await serve();
      expect(await ask(path, method).next()).toMatchObject({ code: status.UNIMPLEMENTED });
    },
  );
});

describe.skipIf(process.platform === 'win32')('the socket', () => {
  test.each([0o600, 0o660, 0o666])('has mode %o, and nothing lies beside it', async (mode) => {
    const { path } = await serve(mode);
    expect(statSync(path).mode & 0o777).toBe(mode);
    expect(await readdir(join(path, '..'))).toEqual(['workload.sock']);
  });

  test('of an agent that was killed is replaced, and is gone when the agent ends', async () => {
    const path = join(await temporaryFolder(), 'workload.sock');
    writeFileSync(path, '');
    const { api } = await serve(0o600, path);
    api.publish(SVID);
    expect(await ask(path, 'FetchX509SVID').next()).toEqual(svidResponse(SVID));
    const other = `${path}-2`;
    await link(path, other);
    await api.close();
    expect(await readdir(join(path, '..'))).toEqual(['workload.sock-2']);
    expect(await answersAt(other)).toBe(false);
  });

  test('is not there where those that it is for can not be let in', async () => {
    const path = join(await temporaryFolder(), 'workload.sock');
    const other = `${path}-2`;
    const admit = async (directory: string, socket: string) => {
      await link(join(directory, socket), other);
      throw new Error('no setfacl');
    };
    const serving = serveWorkloadApi({ path, mode: 0o600 }, admit, () => undefined);
    await expect(serving).rejects.toThrow('no setfacl');
    expect(await readdir(join(path, '..'))).toEqual(['workload.sock-2']);
    expect(await answersAt(other)).toBe(false);
  });

  test.skipIf(process.platform !== 'linux')(
    'is what is opened to others, whatever somebody puts in the place of its folder',
    async () => {
      const folder = await temporaryFolder();
      const path = join(folder, 'w.sock');
      const victim = join(folder, 'of-root');
      writeFileSync(victim, '', { mode: 0o600 });
      const admit = async (directory: string, socket: string) => {
        const [name = ''] = (await readdir(folder)).filter((one) => one.startsWith('.joinbot-'));
        const own = join(folder, name);
        await rename(own, join(folder, 'moved'));
        await mkdir(own);
        await symlink(victim, join(own, socket));
        await chmod(join(directory, socket), 0o666);
      };
      const api = await serveWorkloadApi({ path, mode: 0o600 }, admit, () => undefined);
      onTestFinished(() => api.close());
      expect([statSync(victim).mode & 0o777, statSync(path).mode & 0o777]).toEqual([0o600, 0o666]);
    },
  );

  test.skipIf(process.getuid?.() !== 0)(
    'is not there where its folder has become that of somebody else',
    async () => {
      const folder = await temporaryFolder();
      const path = join(folder, 'w.sock');
      const admit = () => expect.unreachable('others are let in');
      const serving = serveWorkloadApi({ path, mode: 0o666 }, admit, () => undefined);
      const taking = takeAway(folder);
      await expect(serving).rejects.toMatchObject({
        code: 'files',
        message: `somebody else writes to ${folder}: ${path} is not there`,
      });
      await taking;
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  test('that can not be listened on is told of, with the reason', async () => {
    const path = join(await temporaryFolder(), 'x'.repeat(120), 'workload.sock');
    const warnings: string[] = [];
    await expect(serve(0o600, path, (said) => warnings.push(said))).rejects.toMatchObject({
      code: 'files',
      message: expect.stringMatching(/^nobody can listen on .+: ./),
      cause: expect.any(Error),
    });
    // The library says so as well: in the log, not on stderr.
    expect(warnings).toEqual(['gRPC: No address added out of total 1 resolved']);
  });
});

describe('a config file', () => {
  const service = (fields: string) =>
    guideConfig(`services: [{type: workload-identity-api, ${fields}}]\n`);

  test('with the service has it answer, with a certificate of its own, and end with the agent', async () => {
    const rig = await createRig();
    const path = join(rig.folder, 'w.sock');
    const seen: (Buffer | ServiceError)[] = [];
    const { onSleep } = rig.clock;
    rig.clock.onSleep = onSleep;
    const sleep = rig.clock.sleep.bind(rig.clock);
    rig.clock.sleep = async (ms, signal) => {
      seen.push(await ask(path, 'FetchX509SVID').next());
      if (seen.length === 2) rig.stop.abort();
      await sleep(ms, signal);
    };
    expect(await rig.start(service(`listen: "unix://${path}"`))).toBe(0);
    const [first, second] = seen.map((one) => (one as Buffer).toString('latin1'));
    expect(first).toContain('spiffe://test.example.com/bot/example/1');
    expect(second).not.toBe(first);
    expect(rig.broker.joins[0]?.request.certificates).toHaveLength(2);
    expect(rig.output.join('')).toContain(`wrote unix://${path}`);
    expect(await readdir(rig.folder)).not.toContain('w.sock');
  });

  test('whose readers exist: the doctor says so', async () => {
    const rig = await createRig();
    const file = join(rig.folder, 'tbot.yaml');
    writeFileSync(file, service(`listen: "unix://${rig.folder}/w.sock", readers: [{user: envoy}]`));
    expect(await rig.run('doctor', '-c', file)).toBe(0);
    expect(rig.output.join('')).toContain('ok       readers    user envoy exist\n');
  });

  test.each([
    ['0777', true],
    ['1777', false],
    ['0775', false],
  ])(
    'with a socket in a directory of mode %s: everybody may replace it: %s',
    async (mode, isOpen) => {
      const rig = await createRig();
      const directory = join(rig.folder, 'sockets');
      mkdirSync(directory);
      chmodSync(directory, Number.parseInt(mode, 8));
      const config = service(`listen: "unix://${directory}/w.sock"`);
      const said = `everybody on this machine may replace what is written to ${directory}: `;
      const file = join(rig.folder, 'tbot.yaml');
      writeFileSync(file, config);
      expect(await rig.run('doctor', '-c', file)).toBe(0);
      expect(rig.output.splice(0).join('').includes(`WARNING  files      ${said}`)).toBe(isOpen);
      rig.stopAfterWaits(1);
      expect(await rig.start(config)).toBe(0);
      expect(rig.output.join('').includes(`WARN  ${said}`)).toBe(isOpen);
    },
  );

  test.each([
    ['listen: /run/x.sock', 'services[0].listen: expected a Unix socket'],
    ['listen: "tcp://127.0.0.1:1"', 'services[0].listen: expected a Unix socket'],
    [`listen: "unix:///${'x'.repeat(90)}"`, 'services[0].listen: expected a Unix socket'],
    ['listen: "unix:///x", mode: "0644"', 'services[0].mode: expected "0600", "0660" or "0666"'],
    ['listen: "unix:///x", selector: {name: x}', 'services[0].selector: expected none'],
    ['listen: "unix:///x", destination: {type: memory}', 'services[0].destination: unknown field'],
  ])('with %s is refused', async (fields, said) => {
    const rig = await createRig();
    expect(await rig.start(service(fields))).toBe(1);
    expect(rig.output.at(-1)).toContain(said);
  });

  test('is refused with oneshot, and where nothing can be made', async () => {
    const rig = await createRig();
    expect(await rig.start(service('listen: "unix:///x"'), '--oneshot')).toBe(1);
    expect(rig.output.at(-1)).toContain('services: expected no oneshot');
    const file = join(rig.folder, 'file');
    writeFileSync(file, '');
    rig.stopAfterWaits(1);
    await rig.start(service(`listen: "unix://${file}/w.sock"`));
    expect(rig.broker.calls).toEqual([]);
    expect(rig.output.join('')).toContain(`the directory ${file} can't be used`);
  });
});
