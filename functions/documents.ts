import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONFIG_SCHEMA_ROUTE } from '../shared/protocol/config-schema-place.ts';
import type { PlainEndpoint } from './endpoint.ts';

/** A document for programs, made when the bundle was built and laid beside it. */
function laidBeside(name: string, route: string, file: string): PlainEndpoint {
  let document: string | undefined;
  return {
    name,
    methods: ['GET'],
    route,
    answerPlainly() {
      document ??= readFileSync(join(__dirname, file), 'utf8');
      return { body: document, headers: { 'cache-control': 'public, max-age=300' } };
    },
  };
}

/** The API's description. */
export const openapi = laidBeside('openapi', 'v1/openapi.json', 'openapi.json');

/** What joinbot's config file may say, for editors. */
export const configSchema = laidBeside('config-schema', CONFIG_SCHEMA_ROUTE, 'joinbot.schema.json');
