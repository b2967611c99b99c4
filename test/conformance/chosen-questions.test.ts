/** Conformance: whoever chooses what the management API is asked wakes nobody with it (rows M14 and M16). */
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { createScene, joinToken } from '../broker/fixtures.ts';
import { join } from '../broker/joiner.ts';

const NO_CLAIMS = { claims: { xms_mirid: null } };

/** Longer than anything that a failure leaves behind. */
const PAUSE_SECONDS = 30;

describe('M14 M16 what is refused to a machine whose token names none pages nobody:', () => {
  const invented = (vm: { readonly resourceId: string }, i: number) =>
    vm.resourceId.replace('group1', `group${i}x`);

  test.each([
    ['a hint of a group that there is not', 403, invented],
    ['a hint that the API can not read', 400, invented],
    ['no hint, where the broker may not list', 403, () => null],
  ])('%s (%s, %i)', async (_, status, hintOf) => {
    const { api, vm, subscription, reasons } = await measuredScene();
    await api.put(joinToken({ allow: [{ subscription: subscription.id }] }));
    const others = ['vm-b', 'vm-c'].map((name) =>
      subscription.virtualMachine(name, { resourceGroup: 'group1', systemAssigned: true }),
    );
    api.cloud.faults.management.set({ status });
    for (let i = 0; i < 3; i += 1) {
      // What was refused to one is told to the others from memory.
      for (const one of [vm, ...others]) {
        const evidence = { resourceId: hintOf(vm, i), token: NO_CLAIMS };
        expect(await join(api, one, { evidence })).toBeProblem('unavailable');
      }
      api.clock.advance(PAUSE_SECONDS);
    }
    expect(new Set(reasons)).toEqual(new Set(['unavailable_to_caller']));
  });

  test.each([
    ['a machine that its token names is refused', { status: 403 }, {}],
    ['the API fails, whoever asks', { status: 500 }, { token: NO_CLAIMS }],
    ['the API throttles, whoever asks', { status: 429 }, { token: NO_CLAIMS }],
  ])('but %s', async (_, fault, evidence) => {
    const { api, vm, reasons } = await measuredScene();
    api.cloud.faults.management.set(fault);
    for (let i = 0; i < 3; i += 1)
      expect(await join(api, vm, { evidence })).toBeProblem('unavailable');
    expect(reasons).toEqual(['unavailable', 'unavailable', 'unavailable']);
  });
});

/** With the reasons that joins are counted with. */
async function measuredScene() {
  const reasons: string[] = [];
  const scene = await createScene({
    telemetry: (log) => ({
      ...log,
      measure: (name, value, dimensions) => {
        if (name === 'joins' && 'reason' in dimensions) reasons.push(String(dimensions.reason));
        log.measure(name, value, dimensions);
      },
    }),
  });
  return { ...scene, reasons };
}
