import { expect, test } from 'vitest';
import type { RotationReport } from '../../../shared/authority/rotate.ts';
import { keyEvents } from '../../../shared/telemetry/key-events.ts';
import type { AuditEvent } from '../../../shared/telemetry/telemetry.ts';

const REPORT: RotationReport = { done: [], ignored: [], lost: [] };
const CREATED = {
  kind: 'create',
  owner: 'tls',
  purpose: 'issuing',
  sequence: 3,
  created: 1,
  starts: 1,
  expires: 2,
} as const;

function watched() {
  const events: AuditEvent[] = [];
  const amiss: string[] = [];
  const tell = keyEvents({
    audit: (event) => events.push(event),
    measure: (metric, value, dimensions) =>
      void (metric === 'keys_amiss' && amiss.push(`${Object.values(dimensions)} ${value}`)),
  });
  return { tell, events, amiss };
}

test('what was done is told each time, nothing is not', () => {
  const { tell, events } = watched();
  tell(REPORT);
  tell({ ...REPORT, done: [CREATED, { kind: 'mark', owner: 'probe', highest: 4 }] });
  tell({ ...REPORT, done: [{ kind: 'remove', owner: 'tls', sequence: 2 }] });
  expect(events).toEqual([
    { event: 'keys', actions: ['create tls 3', 'mark probe 4'] },
    { event: 'keys', actions: ['remove tls 2'] },
  ]);
});

test('what is ignored or lost is told when it changes, and measured each time', () => {
  const { tell, events, amiss } = watched();
  const amissReport: RotationReport = {
    ...REPORT,
    ignored: ['tls/9'],
    lost: [{ owner: 'ssh-user', purpose: 'sign' }],
  };
  tell(amissReport);
  tell(amissReport);
  tell(REPORT);
  expect(events).toEqual([
    { event: 'keys', actions: [], ignored: ['tls/9'], lost: ['ssh-user (sign)'] },
    { event: 'keys', actions: [] },
  ]);
  expect(amiss).toEqual(['lost 1', 'ignored 1', 'lost 1', 'ignored 1', 'lost 0', 'ignored 0']);
});

test('a million foreign rows make no event of a million names', () => {
  const { tell, events } = watched();
  tell({ ...REPORT, ignored: Array.from({ length: 1000 }, (_, i) => `tls/${i}`) });
  expect(JSON.stringify(events).length).toBeLessThan(1000);
});
