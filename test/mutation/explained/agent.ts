/** What no test can notice, or none needs to, in `agent/`. */
import type { Explained } from './explanation.ts';

export const AGENT: Explained = {
  'agent/durable-file.ts': [
    {
      line: '} finally {',
      becomes: ['{}'],
      why: 'a file that is closed late is the same file',
    },
    {
      line: 'export async function syncDirectory(directory: string): Promise<void> {',
      becomes: ['{}'],
      why: 'what is on the disk shows only when the power fails',
    },
    {
      line: 'await handle.sync().finally(() => handle.close());',
      becomes: ['() => undefined'],
      why: 'a directory that is closed late is the same directory',
    },
  ],
};
