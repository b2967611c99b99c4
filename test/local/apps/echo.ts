/** A function app that tells what reached it. */
import { readFileSync } from 'node:fs';
import { app, type HttpRequest } from '@azure/functions';

const say = (line: string) => process.stdout.write(`${line}\n`);

const echo = async (request: HttpRequest) => ({
  jsonBody: {
    method: request.method,
    url: request.url,
    params: request.params,
    query: Object.fromEntries(request.query),
    headers: Object.fromEntries(request.headers),
    body: Buffer.from(await request.arrayBuffer()).toString('hex'),
  },
});

let arrived = 0;
const { promise: bothArrived, resolve: release } = Promise.withResolvers<void>();
let ticks = 0;

app.http('item', { route: 'v1/items/{kind}/{name}', methods: ['GET', 'PUT'], handler: echo });
app.http('latest', {
  route: 'v1/items/{kind}/latest',
  methods: ['GET'],
  handler: () => ({ body: 'latest' }),
});
app.http('removed', {
  route: 'v1/items/{kind}/{name}',
  methods: ['DELETE'],
  handler: () => ({ status: 204 }),
});
app.http('everything-else', { route: '{*path}', methods: ['GET', 'POST'], handler: echo });
app.http('bytes', {
  route: 'bytes',
  methods: ['GET'],
  handler: () => ({
    status: 201,
    headers: { 'content-type': 'application/octet-stream', 'x-made-by': 'echo' },
    cookies: [{ name: 'crumb', value: '1' }],
    body: new Uint8Array([0, 255, 128]),
  }),
});
app.http('throws', {
  route: 'throws',
  methods: ['GET'],
  handler: () => {
    throw new Error('the handler failed');
  },
});
app.http('crash', {
  route: 'crash',
  methods: ['GET'],
  handler: () => {
    setImmediate(() => {
      throw new Error('crashed on purpose');
    });
    return bothArrived.then(() => ({}));
  },
});
app.http('locked', {
  route: 'locked',
  methods: ['GET'],
  authLevel: 'function',
  handler: () => ({ body: 'open' }),
});
app.http('rendezvous', {
  route: 'rendezvous',
  methods: ['GET'],
  handler: async () => {
    arrived += 1;
    if (arrived === 2) release();
    await bothArrived;
    return { body: 'met' };
  },
});
app.http('state', {
  route: 'state',
  methods: ['GET'],
  handler: (_, context) => {
    context.log('asked for the state');
    return { jsonBody: { ticks, env: process.env } };
  },
});
app.http('part', {
  route: 'part',
  methods: ['GET'],
  handler: async () => {
    const { text } = await import('./echo-part.ts');
    return { body: text() };
  },
});
app.timer('tick', {
  schedule: '0 0 3 * * *',
  handler: (timer) => {
    ticks += 1;
    say(`tick, not past due: ${!timer.isPastDue}, ${JSON.stringify(timer.schedule)}`);
  },
});
app.timer('fails', {
  schedule: '*/30 * * * * *',
  handler: () => {
    readFileSync('/there/is/no/such/file');
  },
});
app.hook.appStart(() => void say('the app starts'));
app.hook.appTerminate(() => void say('the app ends'));
