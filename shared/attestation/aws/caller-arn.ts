/** The ARN of whoever signed, as `GetCallerIdentity` gives it: parsed whole and anchored (rule 3). */
import type { AwsPartition } from '../../protocol/sts.ts';

export interface CallerArn {
  readonly partition: AwsPartition;
  readonly account: string;
}

/** What IAM lets names of roles, sessions and users be made of; a user's path may be longer. */
const FORMS: readonly RegExp[] = [
  /^arn:(?<partition>aws|aws-cn|aws-us-gov):sts::(?<account>\d{12}):assumed-role\/[\w+=,.@-]{1,64}\/[\w+=,.@-]{2,64}$/,
  /^arn:(?<partition>aws|aws-cn|aws-us-gov):sts::(?<account>\d{12}):federated-user\/[\w+=,.@-]{2,32}$/,
  /^arn:(?<partition>aws|aws-cn|aws-us-gov):iam::(?<account>\d{12}):user\/(?:[\x21-\x2e\x30-\x39\x3b-\x7e]+\/)*[\w+=,.@-]{1,64}$/,
  /^arn:(?<partition>aws|aws-cn|aws-us-gov):iam::(?<account>\d{12}):root$/,
];
const LONGEST = 2048;

/** `undefined` for anything that is no caller's ARN. */
export function parseCallerArn(text: string): CallerArn | undefined {
  if (text.length > LONGEST) return undefined;
  for (const form of FORMS) {
    const found = form.exec(text)?.groups;
    if (found) {
      return { partition: found['partition'] as AwsPartition, account: `${found['account']}` };
    }
  }
  return undefined;
}
