/** What every function for operators does: who asks, may they, and the audit of each write. */
import { checkRight, type Operator, type OperatorRight } from '../shared/operators/operator.ts';
import type { ResourceEvent } from '../shared/telemetry/telemetry.ts';
import type { Answer, Exchange } from './endpoint.ts';

/** The value of a route's parameter. */
export const param = (request: Exchange['request'], name: string): string =>
  request.params[name] ?? '';

const identify = ({ broker, request }: Exchange): Promise<Operator> =>
  broker.identifyOperator(request.headers.get('authorization'));

/** Throws unless an operator asks who may read. */
export async function checkReader(exchange: Exchange): Promise<void> {
  checkRight(await identify(exchange), 'read');
}

/** What an operator may ask who may write, and changes nothing: it leaves no audit line. */
export async function asWriter<T>(
  exchange: Exchange,
  ask: () => Promise<T>,
  right: OperatorRight = 'write',
): Promise<T> {
  checkRight(await identify(exchange), right);
  return ask();
}

/** The answer to a write, and what its audit line tells of it. */
export interface Written {
  readonly answer: Answer;
  readonly changes?: Pick<ResourceEvent, 'changed' | 'before' | 'after'>;
}

/** A write by an operator: every one of them, and every refusal of one who signed in, is audited. */
export async function audited(
  exchange: Exchange,
  action: ResourceEvent['action'],
  resource: string,
  write: () => Promise<Written>,
  right: OperatorRight = 'write',
): Promise<Answer> {
  const { broker, call } = exchange;
  const operator = await identify(exchange);
  const { answer } = await broker.changes.byOperator(
    operator,
    { action, resource, right },
    call,
    write,
  );
  return answer;
}
