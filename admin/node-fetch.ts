/** `Fetch` over the network. */
import { exchange } from '../shared/http/exchange.ts';
import type { Fetch } from './io.ts';

/** By RFC 9110, answers with these have no body. */
const EMPTY = [204, 205, 304];

export const nodeFetch: Fetch = async (url, request) => {
  const { status, headers, body } = await exchange({ url, ...request });
  return new Response(EMPTY.includes(status) ? null : Buffer.from(body), {
    status,
    headers: [...headers],
  });
};
