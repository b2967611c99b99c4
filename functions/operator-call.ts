/** What every function for operators does: who asks, may they, and an audit line for each write. */
import { checkRight, type Operator, type OperatorRight } from '../shared/operators/operator.ts';
import { Refusal } from '../shared/refusal.ts';
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
export async function asWriter<T>(exchange: Exchange, ask: () => Promise<T>): Promise<T> {
  checkRight(await identify(exchange), 'write');
  return ask();
}

/** The answer to a write, and what its audit line tells of it. */
export interface Written {
  readonly answer: Answer;
  readonly changes?: Pick<ResourceEvent, 'changed' | 'before' | 'after'>;
}

/** A write by an operator: every one of them, and every refusal of one who signed in, leaves an audit line. */
export async function audited(
  exchange: Exchange,
  action: ResourceEvent['action'],
  resource: string,
  write: () => Promise<Written>,
  right: OperatorRight = 'write',
): Promise<Answer> {
  const { broker, call } = exchange;
  const operator = await identify(exchange);
  const tell = ({ outcome, code, ...changes }: Told): void => {
    const what = { outcome, ...(code !== undefined && { code }), resource: printable(resource) };
    const whole = { event: 'resource', action, ...what, operator: operator.oid } as const;
    broker.telemetry.audit({ ...whole, ...changes }, call.requestId, call.log);
  };
  try {
    checkRight(operator, right);
    const { answer, changes } = await write();
    tell({ outcome: 'done', ...changes });
    return answer;
  } catch (error) {
    tell({ outcome: 'refused', code: error instanceof Refusal ? error.code : 'internal' });
    throw error;
  }
}

type Told = Pick<ResourceEvent, 'outcome' | 'code' | 'changed' | 'before' | 'after'>;

const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 128);
