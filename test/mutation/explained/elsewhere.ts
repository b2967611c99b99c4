/** What no test can notice, or none needs to, in files of `shared/` that are in no folder. */
import type { Explained } from './explanation.ts';

export const ELSEWHERE: Explained = {
  'shared/remembered.ts': [
    {
      line: 'if (known.size >= most && oldest !== undefined) known.delete(oldest);',
      becomes: ['true'],
      why: 'what is full has a first key: the comparison is for the type',
    },
  ],
};
