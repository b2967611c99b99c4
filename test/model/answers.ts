/** What holds for every answer alone: what its audit line says, that a request counts once, and that no serial number comes twice. */
import { X509Certificate } from 'node:crypto';
import type { JoinAnswer } from '../../shared/protocol/join.ts';
import type { Answer } from '../broker/test-broker.ts';
import { auditOf } from './actions.ts';
import type { Prepared } from './prepared.ts';
import type { Stage } from './stage.ts';

/** The broker did what it must not do. */
export class Violation extends Error {}

/** What was answered so far. */
export interface Given {
  readonly byDigest: Map<string, { readonly id: string; readonly outcome: string }>;
  readonly bySerial: Map<string, string>;
}

/** What holds for every answer, whatever the world; keeps it for the next steps to choose from. */
export function checkAnswer(
  stage: Stage,
  { message, fn }: Prepared,
  answer: Answer,
  given: Given,
): void {
  if (answer.status >= 500 && answer.status !== 503)
    throw new Violation(`answered ${answer.status} ${JSON.stringify(answer.body)}`);
  if (!message) return;
  checkAudit(stage, fn, answer);
  if (!stage.messages.some(({ body }) => body === message.body)) stage.messages.unshift(message);
  if (answer.status !== 200) return;
  const { instance_id, generation, certificates } = answer.body as JoinAnswer;
  const leaves = certificates.map(({ tls }) => new X509Certificate(tls));
  const outcome = JSON.stringify([
    instance_id,
    generation,
    leaves.map(({ serialNumber }) => serialNumber),
  ]);
  const { digest } = message.sent;
  const before = given.byDigest.get(digest)?.outcome ?? outcome;
  if (before !== outcome) throw new Violation(`a request counted twice: ${before}, ${outcome}`);
  for (const [i, leaf] of leaves.entries()) {
    const owner = `${digest} ${i}`;
    if ((given.bySerial.get(leaf.serialNumber) ?? owner) !== owner)
      throw new Violation(`two certificates got serial number ${leaf.serialNumber}`);
    given.bySerial.set(leaf.serialNumber, owner);
    const { expires = '' } = certificates[i] ?? {};
    if (leaf.validToDate.getTime() !== Date.parse(expires))
      throw new Violation(`the answer says ${expires}, and the certificate ${leaf.validTo}`);
  }
  given.byDigest.set(digest, { id: instance_id, outcome });
  stage.identities.unshift({ message, answer });
}

/** An audit line says what was answered; a sign of theft is told exactly where there is one. */
function checkAudit(stage: Stage, fn: number, answer: Answer): void {
  const line = auditOf(stage, fn, answer);
  if (line?.event !== 'join') throw new Violation('an answer without an audit line');
  const said = { outcome: line.outcome, code: line.code, id: line.instance_id };
  const { code } = answer.body as { code?: string };
  const wrong = (): never => {
    throw new Violation(`answered ${answer.status} ${code}, and told ${JSON.stringify(line)}`);
  };
  if (answer.status === 200) {
    const { instance_id, generation, certificates } = answer.body as JoinAnswer;
    const serials = certificates.map(({ tls }) =>
      new X509Certificate(tls).serialNumber.toLowerCase().padStart(32, '0'),
    );
    if (said.outcome !== 'admitted' || said.id !== instance_id) wrong();
    if (line.generation !== generation || line.serials?.join() !== serials.join()) wrong();
  } else {
    if (said.outcome !== (answer.status === 403 ? 'denied' : 'failed') || said.code !== code)
      wrong();
    if (line.serials !== undefined) wrong();
  }
  const isTheft = line.reason === 'secret_used' || line.reason === 'copied_identity';
  const told = (wanted: string): number =>
    (stage.functions[fn]?.audit ?? []).filter(
      ({ event, request_id }) => event === wanted && request_id === line.request_id,
    ).length;
  if (told('security') !== (isTheft ? 1 : 0)) wrong();
  if (told('second_instance') !== (answer.status === 200 && line.beside ? 1 : 0)) wrong();
}
