/** `Fetch` over the network. */
import { exchange } from '../shared/http/exchange.ts';
import { proxyFor } from '../shared/http/proxy.ts';
import type { Fetch } from './io.ts';

/** By RFC 9110, answers with these have no body. */
const EMPTY = [204, 205, 304];

/** Through the proxy that the environment names. */
export const nodeFetch: Fetch = async (url, request) => {
  const proxy = proxyFor(new URL(url), process.env);
  const { status, headers, body } = await exchange({ url, ...request, proxy });
  return new Response(EMPTY.includes(status) ? null : Buffer.from(body), {
    status,
    headers: [...headers],
  });
};
