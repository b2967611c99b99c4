/** docs/reference/denials.md: every reason for which a join is denied. */
import { DENIALS, type Remedy } from '../../admin/denials.ts';
import { DENIAL_REASONS } from '../../shared/protocol/denial-reason.ts';
import { cell, MADE } from './markdown.ts';

const TEST = 'test/functions/denials.test.ts';

export const denialsMarkdown = (): string =>
  [
    '# Why a join is denied',
    '',
    MADE,
    '',
    'The machine learns a request id and nothing else. `joinctl joins show <request id>` says which of these reasons it was, what exactly said',
    'no, and what mends it, with the real names in the place of `<…>`. Where there are several ways to mend it, `joins show` prints those that',
    'fit the attempt.',
    '',
    `Every reason is provoked by \`${TEST}\`, in the row of its name, which then runs the commands that \`joins show\` prints, and joins.`,
    ...DENIAL_REASONS.flatMap((reason) => [
      '',
      `## ${reason}`,
      '',
      cell(DENIALS[reason].cause),
      '',
      ...DENIALS[reason].mend.flatMap(remedyOf),
      `- Test: \`${TEST}\`, "${reason} is shown with what mends it, and then the machine joins"`,
    ]),
    '',
  ].join('\n');

const remedyOf = ({ says, run = [] }: Remedy): readonly string[] => [
  `- ${cell(says)}`,
  ...run.map((command) => `  \`${command}\``),
];
