/** The ways in which a command ends early. Each message is one plain sentence for the operator. */
import type { Problem } from '../shared/protocol/problem.ts';

/** Something did not work. */
export class Failure extends Error {
  override readonly name: string = 'Failure';
  readonly exitCode: number = 1;
}

/** The command line is wrong. */
export class UsageFailure extends Failure {
  override readonly name = 'UsageFailure';
  override readonly exitCode = 2;
}

/** What was compared differs. */
export class Difference extends Failure {
  override readonly name = 'Difference';
  override readonly exitCode = 3;
}

/** The broker refused the request. */
export class Refusal extends Failure {
  override readonly name = 'Refusal';
  readonly problem: Problem;

  constructor(message: string, problem: Problem) {
    super(message);
    this.problem = problem;
  }
}
