import { expect, test } from 'vitest';
import { metricsText } from '../../agent/agent-metrics.ts';

const NEW = {
  isReady: false,
  renewals: { done: 0, failed: 0 },
  renewedAt: undefined,
  renewAt: undefined,
  expected: [],
  lists: undefined,
};

test('names of places can not end a label or a line', () => {
  const place = { id: 'tls-1', isReady: false, isWritten: false, expires: undefined };
  const places = [{ ...place, name: 'a"b\\c\nd' }];
  expect(metricsText({ ...NEW, places })).toContain('joinbot_written{place="a\\"b\\\\c\\nd"} 0\n');
});

test('the age of revocation lists is told where there are some', () => {
  const lists = { thisUpdate: new Date(1_000_000), nextUpdate: new Date(2_000_000) };
  const text = metricsText({ ...NEW, places: [], lists });
  expect(text).toContain('joinbot_revocation_lists_timestamp_seconds 1000\n');
  expect(text).toContain('joinbot_revocation_lists_expiry_timestamp_seconds 2000\n');
  expect(metricsText({ ...NEW, places: [] })).not.toMatch(/^joinbot_revocation/m);
});

test('what is not known yet is left out', () => {
  const text = metricsText({ ...NEW, places: [] });
  expect(text).not.toMatch(/^joinbot_(?:last|next)_renewal/m);
  expect(text).toContain('# TYPE joinbot_last_renewal_timestamp_seconds gauge\n');
});
