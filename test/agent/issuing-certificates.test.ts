import { describe, expect, test } from 'vitest';
import type { CertificateCache } from '../../agent/certificate-cache.ts';
import { type HttpRequest, NoAnswer, type SendHttp } from '../../agent/http.ts';
import { issuingCertificates } from '../../agent/issuing-certificates.ts';
import { createLog } from '../../agent/log.ts';
import { createRsaKeySource } from '../../local/azure/certificates/rsa-keys.ts';
import { createCloud } from '../../local/azure/cloud.ts';
import { parseCertificate } from '../../shared/encoding/certificate.ts';
import { encodePem } from '../../shared/encoding/pem.ts';
import { createClock } from './clock.ts';
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
  const download = sendWith((request) => cloud.fetch(request));
  const collect = (
    answer: (request: HttpRequest, download: SendHttp) => ReturnType<SendHttp> = (request) =>
      download(request),
    more: { mirror?: string; cache?: CertificateCache } = {},
  ) =>
    issuingCertificates(
      signer,
      {
        mirror: more.mirror,
        cache: more.cache ?? { get: () => undefined, put: async () => undefined },
      },
      {
        clock,
        random: () => 0,
        log,
        stop: new AbortController().signal,
        web: (request) => {
          asked.push(request.url);
          return answer(request, download);
        },
      },
    );
  return { clock, cloud, signer, collect, asked, lines };
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
  const chain = await collect(undefined, { mirror: cloud.pki });
  expect(chain).toHaveLength(1);
  expect(asked.every((url) => url.startsWith(`${cloud.pki}/`))).toBe(true);
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
])('asks %s, which is on the list of hosts that Azure names', async (listed) => {
  const { collect, signer, asked } = setUp();
  (signer.extensions as { issuerUrls: readonly string[] }).issuerUrls = [listed];
  await expect(collect(async () => answerOf(Buffer.of(), 404))).rejects.toThrow('status 404');
  expect(new Set(asked)).toEqual(new Set([listed]));
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
    await expect(collecting).rejects.toThrow(`${asked[0]}: ${said}`);
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
  const { collect, lines } = setUp('cross_signed');
  const chain = await collect((request, download) =>
    decodeURIComponent(request.url).includes('Root')
      ? Promise.resolve(answerOf(Buffer.of(), 404))
      : download(request),
  );
  expect(chain).toHaveLength(1);
  expect(lines.join('')).toMatch(/WARN .*status 404.*joining without it/);
});

test('asks no address that is not of Microsoft or DigiCert, whatever a certificate says', async () => {
  const { collect, signer, asked } = setUp();
  const listed = [
    'http://127.0.0.1/pkiops/certs/a.crt',
    'http://169.254.169.254/metadata',
    'http://www.microsoft.com.evil.example/pkiops/certs/a.crt',
    'http://www.microsoft.com/other/a.crt',
    'http://www.microsoft.com/pkiops/certs/../../a.crt',
    'http://user@www.microsoft.com/pkiops/certs/a.crt',
    'http://www.microsoft.com:8080/pkiops/certs/a.crt',
    'http://www.microsoft.com/pkiops/certs/a.crt?x=1',
    'file:///etc/passwd',
    'nonsense',
  ];
  (signer.extensions as { issuerUrls: readonly string[] }).issuerUrls = listed;
  await expect(collect()).rejects.toThrow(
    "is not an address of Microsoft's or DigiCert's certificates",
  );
  expect(asked).toEqual([]);
});

test('what the cache holds is checked like a download', async () => {
  const { collect, signer, asked } = setUp();
  const chain = await collect(undefined, {
    cache: { get: () => signer.der, put: async () => undefined },
  });
  expect(chain).toHaveLength(1);
  expect(asked.length).toBeGreaterThan(0);
});
