/** Row G4's healthy agents: whoever is between an agent and the broker can keep it waiting, and never have it locked. */
import { describe, expect, test } from 'vitest';
import { problemAnswer } from '../fake-broker.ts';
import { createSecretRig, type SecretRig } from '../secret-rig.ts';

/** An answer that the broker did not give. */
const lie = (code: 'instance_unknown' | 'access_denied', date?: Date) => (): Response => {
  const answer = problemAnswer(code);
  if (date) answer.headers.set('date', date.toUTCString());
  return answer;
};

async function joinedRig(): Promise<SecretRig> {
  const rig = await createSecretRig();
  expect(await rig.once()).toBe(0);
  rig.api.clock.advance(1200);
  return rig;
}

/** It is neither locked nor cut off. */
async function expectHealthy(rig: SecretRig): Promise<void> {
  expect(await rig.locks()).toEqual([]);
  rig.next.length = 0;
  rig.api.clock.advance(400);
  expect(await rig.once()).toBe(0);
}

describe('an agent is not locked by who', () => {
  test('swallows an answer, and says minutes later that the instance is unknown', async () => {
    const rig = await joinedRig();
    rig.next.push(...Array.from({ length: 6 }, () => 'lost after' as const));
    await rig.once();
    rig.next.length = 0;
    expect(await rig.generation()).toBe(2);
    rig.api.clock.advance(400);
    // The older key signs anew, and that is passed on.
    rig.next.push(lie('instance_unknown'), lie('instance_unknown'), 'right');
    await rig.once();
    expect(rig.sent.at(-1)?.request.instance).toMatchObject({ generation: 1 });
    await expectHealthy(rig);
  });

  test('gives it a time that is to come, and delivers what it signed then', async () => {
    const rig = await joinedRig();
    const ahead = new Date(rig.api.clock.now().getTime() + 3_600_000);
    const unknown = lie('instance_unknown');
    rig.next.push(lie('access_denied', ahead), lie('instance_unknown', ahead), unknown);
    await rig.once();
    const held = rig.sent.at(-1);
    expect(held?.request.time?.slice(0, 13)).toBe(ahead.toISOString().slice(0, 13));
    rig.next.length = 0;
    rig.next.push(unknown);
    expect(await rig.once()).toBe(0);
    rig.api.clock.advance(310);
    const { status } = await rig.api.request('POST', '/v1/join', {
      body: JSON.stringify(held?.body),
    });
    expect(status).toBe(409);
    await expectHealthy(rig);
  });
});
