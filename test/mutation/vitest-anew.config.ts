/** As vitest-together.config.ts, but each test file loads the code anew: so it sees changes of constants. */
import { mergeConfig } from 'vitest/config';
import together from './vitest-together.config.ts';

// biome-ignore lint/style/noDefaultExport: Vitest reads the default export.
export default mergeConfig(together, { test: { isolate: true } });
