/** Stands between an agent and the broker, and does to joins what networks do: loses requests and answers, holds them back. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** What becomes of the next join. Every join after it passes. */
export type Fate =
  | 'passes'
  /** It never reaches the broker. */
  | 'request lost'
  /** The broker gets it once its sender is dead. */
  | 'request late'
  /** The broker carries it out, and nobody hears of it. */
  | 'answer lost';

export interface LossyProxy {
  readonly url: string;
  /** Sets the fate of the next join. `at` is called as it gets to each point. */
  next(fate: Fate, at?: (point: 'arrived' | 'answered' | 'returned') => void): void;
  /** How many answers of the broker nobody got. */
  readonly lostAnswers: number;
  /** Resolves when no request is under way. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** `broker` is its base URL. */
export async function startLossyProxy(broker: string): Promise<LossyProxy> {
  let plan: Parameters<LossyProxy['next']> = ['passes'];
  let lostAnswers = 0;
  const underWay = new Set<Promise<void>>();

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const isJoin = request.url === '/v1/join';
    const [fate, at]: Parameters<LossyProxy['next']> = isJoin ? plan : ['passes'];
    if (isJoin) plan = ['passes'];
    const gone = once(response, 'close');
    at?.('arrived');
    if (fate === 'request lost') return void response.destroy();
    if (fate === 'request late') await gone;

    const answer = await fetch(`${broker}${request.url}`, {
      method: request.method ?? 'GET',
      headers: { 'content-type': 'application/json' },
      ...(request.method === 'POST' && { body }),
    });
    const text = await answer.text();
    at?.('answered');
    if (fate === 'answer lost' || response.destroyed) {
      lostAnswers += 1;
      return void response.destroy();
    }
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text);
    at?.('returned');
  }

  const server = createServer((request, response) => {
    // An agent that dies while it sends ends its request: nothing to do about it.
    const passing = pass(request, response)
      .catch(() => void response.destroy())
      .finally(() => underWay.delete(passing));
    underWay.add(passing);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    next(...planned) {
      plan = planned;
    },
    get lostAnswers() {
      return lostAnswers;
    },
    async idle() {
      await Promise.all(underWay);
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
