/** The ways in which a command ends early. Each message is one plain sentence for the operator. */
import type { Problem } from '../shared/protocol/problem.ts';

/** Something did not work. Exit code 1. */
export class Failure extends Error {
  override readonly name: string = 'Failure';
}

/** The command line is wrong. Exit code 2. */
export class UsageFailure extends Failure {
  override readonly name = 'UsageFailure';
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
