import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PlainEndpoint } from './endpoint.ts';

let document: string | undefined;

/** The API's description, made when the bundle was built and laid beside it. */
export const openapi: PlainEndpoint = {
  name: 'openapi',
  methods: ['GET'],
  route: 'v1/openapi.json',
  answerPlainly() {
    document ??= readFileSync(join(__dirname, 'openapi.json'), 'utf8');
    return { body: document, headers: { 'cache-control': 'public, max-age=300' } };
  },
};
