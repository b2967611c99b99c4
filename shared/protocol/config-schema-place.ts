/** The JSON Schema of joinbot's config file, as every broker serves the one of its own version. */

/** Below the broker's address. */
export const CONFIG_SCHEMA_ROUTE = 'v1/joinbot.schema.json';

/** The first line of a config file: with it editors complete fields and mark mistakes. `broker` is its origin. */
export const schemaLine = (broker: string): string =>
  `# yaml-language-server: $schema=${broker}/${CONFIG_SCHEMA_ROUTE}\n`;
