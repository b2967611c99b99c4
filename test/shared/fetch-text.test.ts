import { describe, expect, test } from 'vitest';
import { fetchText } from '../../shared/fetch-text.ts';

const LIMITS = { mostBytes: 10, milliseconds: 5000 };
const answering =
  (...answer: ConstructorParameters<typeof Response>): typeof fetch =>
  async () =>
    new Response(...answer);

test('gives the text of a good answer', async () => {
  expect(await fetchText(answering('héllo'), 'https://a.example.org/', LIMITS)).toBe('héllo');
  expect(await fetchText(answering(''), 'https://a.example.org/', LIMITS)).toBe('');
});

test('asks for JSON, follows no redirect and gives up in time', async () => {
  let asked: RequestInit | undefined;
  const fetch: typeof globalThis.fetch = async (_, init) => {
    asked = init;
    return new Response('');
  };
  await fetchText(fetch, 'https://a.example.org/', LIMITS);
  expect(asked).toMatchObject({ redirect: 'error', headers: { accept: 'application/json' } });
  expect(asked?.signal).toBeInstanceOf(AbortSignal);
});

describe('fails', () => {
  test.each([201, 204, 304, 404, 500])('where the answer is %i', async (status) => {
    await expect(
      fetchText(answering(null, { status }), 'https://a.example.org/', LIMITS),
    ).rejects.toThrow(`answered with status ${status}`);
  });

  test('where the answer is too long, without reading all of it', async () => {
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 1;
        controller.enqueue(new Uint8Array(4));
      },
    });
    await expect(fetchText(answering(endless), 'https://a.example.org/', LIMITS)).rejects.toThrow(
      'answered with more than 10 bytes',
    );
    expect(pulled).toBeLessThan(10);
  });

  test('where there is no answer within the time', async () => {
    const silent: typeof fetch = (_, init) =>
      new Promise((_resolve, reject) => {
        init?.signal?.addEventListener('abort', () => reject(init.signal?.reason));
      });
    await expect(
      fetchText(silent, 'https://a.example.org/', { ...LIMITS, milliseconds: 1 }),
    ).rejects.toMatchObject({ name: 'TimeoutError' });
  });
});
