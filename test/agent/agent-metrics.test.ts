import { expect, test } from 'vitest';
import { metricsText } from '../../agent/agent-metrics.ts';

const NEW = {
  isReady: false,
  renewals: { done: 0, failed: 0 },
  renewedAt: undefined,
  renewAt: undefined,
  expected: [],
};

test('names of places can not end a label or a line', () => {
  const place = { id: 'tls-1', isReady: false, isWritten: false, expires: undefined };
  const places = [{ ...place, name: 'a"b\\c\nd' }];
  expect(metricsText({ ...NEW, places })).toContain('joinbot_written{place="a\\"b\\\\c\\nd"} 0\n');
});

test('what is not known yet is left out', () => {
  const text = metricsText({ ...NEW, places: [] });
  expect(text).not.toMatch(/^joinbot_(?:last|next)_renewal/m);
  expect(text).toContain('# TYPE joinbot_last_renewal_timestamp_seconds gauge\n');
});
