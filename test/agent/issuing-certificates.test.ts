import { describe, expect, test } from 'vitest';
import type { CertificateCache } from '../../agent/certificate-cache.ts';
import { type HttpRequest, NoAnswer, type SendHttp } from '../../agent/http.ts';
import { issuingCertificates, openDownloads } from '../../agent/issuing-certificates.ts';
import { createLog } from '../../agent/log.ts';
import type { Storage } from '../../agent/settings.ts';
import { createIssuing, createRoot } from '../../local/azure/certificates/authority.ts';
import { newAuthorityKey } from '../../local/azure/certificates/certificate-key.ts';
import { createLeaf } from '../../local/azure/certificates/leaf.ts';
import { certificateUrls } from '../../local/azure/certificates/microsoft-names.ts';
import { createRsaKeySource } from '../../local/azure/certificates/rsa-keys.ts';
import { createCloud } from '../../local/azure/cloud.ts';
import { type Certificate, parseCertificate } from '../../shared/encoding/certificate.ts';
import { encodePem } from '../../shared/encoding/pem.ts';
import { createClock, START } from './clock.ts';
import { temporaryFolder } from './folder.ts';
import { sendWith } from './send-with.ts';

const keys = createRsaKeySource();

function setUp(chain: 'ec' | 'cross_signed' = 'ec') {
  const clock = createClock();
  const cloud = createCloud({ now: clock.now, keys, chain });
  const signer = parseCertificate(cloud.signingChain().leaf('eastus').certificate);
  const lines: string[] = [];
  const log = createLog({
    format: 'text',
    debug: true,
    write: (line) => lines.push(line),
    now: clock.now,
  });
  const asked: string[] = [];
  const stop = new AbortController();
  const download = sendWith((request) => cloud.fetch(request));
  const collect = (
    answer: (request: HttpRequest, download: SendHttp) => ReturnType<SendHttp> = (request) =>
      download(request),
    more: { mirror?: string; cache?: CertificateCache; now?: Date; of?: Certificate } = {},
  ) =>
    issuingCertificates(
      more.of ?? signer,
      {
        mirror: more.mirror,
        cache: more.cache ?? { get: () => undefined, put: async () => undefined },
      },
      {
        clock: more.now ? createClock(more.now) : clock,
        random: () => 0,
        log,
        stop: stop.signal,
        web: (request) => {
          asked.push(request.url);
          return answer(request, download);
        },
      },
    );
  return { clock, cloud, signer, collect, asked, lines, stop };
}

/** A certificate that names these addresses of its issuer's. */
function listing(...issuerUrls: readonly string[]): Certificate {
  const { signer } = setUp();
  return { ...signer, extensions: { ...signer.extensions, issuerUrls } };
}

const answerOf = (body: Uint8Array, status = 200) => ({ status, header: () => undefined, body });

test('follows the addresses up to the root, which it leaves out', async () => {
  const { cloud, collect } = setUp('cross_signed');
  const chain = await collect();
  expect(chain.map(({ der }) => Buffer.from(der))).toEqual(
    cloud.signingChain().intermediates.map((der) => Buffer.from(der)),
  );
  expect(chain).toHaveLength(2);
});

test('reads PEM as well', async () => {
  const { collect } = setUp();
  const chain = await collect(async (request, download) => {
    const { body } = await download(request);
    return answerOf(Buffer.from(encodePem('CERTIFICATE', body)));
  });
  expect(chain).toHaveLength(1);
});

test('takes files from a mirror by their names', async () => {
  const { collect, asked, cloud } = setUp();
  const chain = await collect(undefined, { mirror: `${cloud.pki}/` });
  expect(chain).toHaveLength(1);
  expect(asked.every((url) => url.startsWith(`${cloud.pki}/`))).toBe(true);
  expect(asked[0]).not.toContain(`${cloud.pki}//`);
});

test('asks a mirror again, whatever the address is, but not for what has no name', async () => {
  const { collect, clock, asked } = setUp();
  const mirror = 'http://mirror.example';
  const never = async () => answerOf(Buffer.of(), 404);
  await expect(collect(never, { mirror, of: listing('nonsense/a.crt') })).rejects.toThrow('404');
  expect(asked).toEqual(Array.from({ length: 4 }, () => `${mirror}/a.crt`));
  expect(clock.sleeps).toHaveLength(3);
  await expect(collect(never, { mirror, of: listing('http://a.example/') })).rejects.toThrow(
    "http://a.example/ is not an address of Microsoft's",
  );
  expect(asked).toHaveLength(4);
});

test('tries every address that the certificate lists', async () => {
  const { collect, asked } = setUp();
  const chain = await collect((request, download) =>
    request.url.startsWith('http://www.microsoft.com/')
      ? Promise.reject(new NoAnswer('no answer within 10 s'))
      : download(request),
  );
  expect(chain).toHaveLength(1);
  expect(asked.map((url) => new URL(url).host).slice(0, 2)).toEqual([
    'www.microsoft.com',
    'caissuers.microsoft.com',
  ]);
});

test('asks again where a server or a firewall is busy for a moment', async () => {
  const { collect, clock, lines } = setUp();
  let busy = 5;
  const chain = await collect((request, download) => {
    busy -= 1;
    if (busy < 0) return download(request);
    return busy % 2 === 0
      ? Promise.resolve(answerOf(Buffer.of(), 403))
      : Promise.reject(new NoAnswer('no answer within 10 s'));
  });
  expect(chain).toHaveLength(1);
  expect(clock.sleeps).toHaveLength(2);
  expect(lines.join('').match(/WARN .*status 403.*trying again in/g)).toHaveLength(2);
});

test.each([
  'http://www.microsoft.com/pkiops/certs/a.crt',
  'http://caissuers.microsoft.com/pkiops/certs/a.crt',
  'http://cacerts.digicert.com/a.crt',
  'http://cacerts.digicert.cn/a.crt',
  'http://cacerts.geotrust.com/a.crt',
  'https://cacerts.digicert.com/a.crt',
])('asks %s, which is on the list of hosts that Azure names', async (listed) => {
  const { collect, asked, clock } = setUp();
  const of = listing(listed, 'nonsense');
  await expect(collect(async () => answerOf(Buffer.of(), 404), { of })).rejects.toThrow(
    'status 404',
  );
  expect(asked).toEqual(Array.from({ length: 4 }, () => listed));
  expect(clock.sleeps).toHaveLength(3);
});

describe('a failed download names the address and what the network must allow', () => {
  test.each([
    [
      'nothing answers',
      () => Promise.reject(new NoAnswer('no answer within 10 s')),
      'no answer within 10 s',
    ],
    ['status 404', async () => answerOf(Buffer.of(), 404), 'status 404'],
    [
      'a page of a captive portal',
      async () => answerOf(Buffer.from('<html>')),
      'not a certificate',
    ],
    ['garbage', async () => answerOf(Buffer.from('3003020101', 'hex')), 'not a certificate'],
  ])('%s', async (_, answer, said) => {
    const { collect, asked } = setUp();
    const collecting = collect(answer);
    await expect(collecting).rejects.toMatchObject({ code: 'certificate_download' });
    await expect(collecting).rejects.toThrow(
      `fetching the intermediate certificate failed: ${asked[0]}: ${said}`,
    );
    await expect(collecting).rejects.toThrow(`; ${asked[1]}: ${said}`);
    await expect(collecting).rejects.toThrow(
      'The network must allow this machine to reach http://www.microsoft.com/pkiops/certs/ and everything below it',
    );
  });

  test('the certificate of somebody else', async () => {
    const { collect, signer } = setUp();
    await expect(collect(async () => answerOf(signer.der))).rejects.toThrow(
      'the certificate of somebody else',
    );
  });

  test('a certificate of the right name with another key', async () => {
    const { collect } = setUp();
    const other = setUp().cloud.signingChain().intermediates[0] ?? Buffer.of();
    await expect(collect(async () => answerOf(other))).rejects.toThrow('another key signed');
  });
});

test('goes on without what lies further up, with a warning', async () => {
  const { collect, lines, clock } = setUp('cross_signed');
  const chain = await collect((request, download) =>
    decodeURIComponent(request.url).includes('Root')
      ? Promise.resolve(answerOf(Buffer.of(), 404))
      : download(request),
  );
  expect(chain).toHaveLength(1);
  expect(lines.join('')).toMatch(/WARN .*status 404.*joining without it/);
  expect(clock.sleeps).toEqual([]);
});

test('asks no address that is not of Microsoft or DigiCert, whatever a certificate says', async () => {
  const { collect, asked, clock } = setUp();
  const of = listing(
    'http://127.0.0.1/pkiops/certs/a.crt',
    'http://169.254.169.254/metadata',
    'http://www.microsoft.com.evil.example/pkiops/certs/a.crt',
    'http://www.microsoft.com/other/a.crt',
    'http://www.microsoft.com/pkiops/certs/../../a.crt',
    'http://user@www.microsoft.com/pkiops/certs/a.crt',
    'http://www.microsoft.com:8080/pkiops/certs/a.crt',
    'http://www.microsoft.com/pkiops/certs/a.crt?x=1',
    'http://:password@www.microsoft.com/pkiops/certs/a.crt',
    'ftp://www.microsoft.com/pkiops/certs/a.crt',
    'file:///etc/passwd',
    'nonsense',
  );
  await expect(collect(undefined, { of })).rejects.toThrow(
    "is not an address of Microsoft's or DigiCert's certificates",
  );
  expect(asked).toEqual([]);
  expect(clock.sleeps).toEqual([]);
});

test('a signer that lists no address has no issuers to send', async () => {
  const { collect, asked } = setUp();
  expect(await collect(undefined, { of: listing() })).toEqual([]);
  expect(asked).toEqual([]);
});

test('follows six certificates, and no more', async () => {
  const { collect } = setUp();
  let by = createRoot('Root', newAuthorityKey(), START);
  const served = new Map<string, Uint8Array>();
  for (let level = 8; level > 0; level -= 1) {
    by = createIssuing(`Level ${level}`, newAuthorityKey(), by, START);
    for (const url of certificateUrls(by.commonName)) served.set(url, by.certificate);
  }
  const of = parseCertificate(createLeaf('eastus', newAuthorityKey(), by, START).certificate);
  const serve = async ({ url }: HttpRequest) => answerOf(served.get(url) ?? Buffer.of());
  expect(await collect(serve, { of })).toHaveLength(6);
});

test('an issuer is good to the second in which it is over, and not after it', async () => {
  const { collect, cloud } = setUp();
  const { notAfter } = parseCertificate(cloud.signingChain().intermediates[0] ?? Buffer.of());
  expect(await collect(undefined, { now: notAfter })).toHaveLength(1);
  const after = new Date(notAfter.getTime() + 1);
  await expect(collect(undefined, { now: after })).rejects.toThrow('the certificate has expired');
});

describe('ends', () => {
  test('with an error of our own as it is, however far it came', async () => {
    const error = new TypeError('x is not a function');
    const { collect, cloud } = setUp('cross_signed');
    await expect(collect(() => Promise.reject(error))).rejects.toBe(error);
    const [first = Buffer.of()] = cloud.signingChain().intermediates;
    let calls = 0;
    const then = async () => {
      calls += 1;
      if (calls > 1) throw error;
      return answerOf(first);
    };
    await expect(collect(then)).rejects.toBe(error);
  });

  test('with an error of OpenSSL, which reads what we have read', async () => {
    const { collect, signer } = setUp();
    const collecting = collect(undefined, { of: { ...signer, der: Buffer.from('x') } });
    await expect(collecting).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_OSSL_/) });
  });

  test('when the agent is to stop, without what lies further up', async () => {
    const { collect, stop, cloud } = setUp('cross_signed');
    const [first = Buffer.of()] = cloud.signingChain().intermediates;
    let calls = 0;
    const stopped = async () => {
      calls += 1;
      if (calls === 1) return answerOf(first);
      stop.abort();
      return Promise.reject(new NoAnswer('stopped'));
    };
    await expect(collect(stopped)).rejects.toMatchObject({ code: 'stopped' });
  });
});

describe('downloads are kept', () => {
  const log = createLog({
    format: 'text',
    debug: true,
    write: () => undefined,
    now: () => START,
  });
  const open = (storage: Storage, env = {}) => openDownloads(storage, env, log);

  test('in the storage directory, where there is one', async () => {
    const storage = { type: 'directory', path: await temporaryFolder() } as const;
    await (await open(storage)).cache.put('http://a.example/a.crt', Buffer.of(0x30));
    const again = await open(storage);
    expect(again.cache.get('http://a.example/a.crt')).toEqual(Buffer.of(0x30));
    expect(again.mirror).toBeUndefined();
    expect((await open({ type: 'memory' })).cache.get('http://a.example/a.crt')).toBeUndefined();
  });

  test('and come from a mirror, where a variable names one', async () => {
    const at = 'http://127.0.0.1:8080/pki';
    expect(await open({ type: 'memory' }, { JOINBOT_PKI_URL: at })).toMatchObject({ mirror: at });
  });
});

test('what the cache holds is not asked for again', async () => {
  const { collect, cloud, asked } = setUp();
  const [issuer = Buffer.of()] = cloud.signingChain().intermediates;
  const cache = { get: () => issuer, put: async () => undefined };
  expect(await collect(undefined, { cache })).toHaveLength(1);
  expect(asked.filter((url) => !decodeURIComponent(url).includes('Root'))).toEqual([]);
});

test('what the cache holds is checked like a download', async () => {
  const { collect, signer, asked } = setUp();
  const chain = await collect(undefined, {
    cache: { get: () => signer.der, put: async () => undefined },
  });
  expect(chain).toHaveLength(1);
  expect(asked.length).toBeGreaterThan(0);
});
