/** Writes that lose a race: somebody else's comes between what is read and what is written (rule 16). */
import { describe, expect, test } from 'vitest';
import { createResourceApi } from '../../../shared/operators/resource-api.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';
import { createResources } from '../../../shared/storage/resources.ts';
import type { Table } from '../../../shared/storage/table.ts';
import { botExample } from '../../broker/fixtures.ts';
import { createClock } from '../../broker/test-broker.ts';

const CREATE = { ifMatch: null, ifNoneMatch: '*' };
const bot = (role: string): string => JSON.stringify(botExample({ roles: [role] }));

/** A bot with role `first`; before the next write of the API, somebody else's gives it role `other`. */
async function createRace() {
  const memory = createMemoryTable();
  const apiOn = (table: Table) =>
    createResourceApi(createResources(table, createClock().now), {
      naming: { cluster: 'test', domains: [] },
      pinnedRoots: [],
      now: createClock().now,
    });
  const other = apiOn(memory);
  const made = await other.put('bot', 'example', bot('first'), CREATE);
  let meanwhile = async (): Promise<unknown> =>
    other.put('bot', 'example', bot('other'), { ifMatch: '*', ifNoneMatch: null });
  const api = apiOn({
    ...memory,
    async apply(operations) {
      const act = meanwhile;
      meanwhile = async () => undefined;
      await act();
      return memory.apply(operations);
    },
  });
  // Reads everything once, so that the write is the next thing that is applied.
  await api.get('bot', 'example');
  const roles = async () => (await other.get('bot', 'example')).resource.spec;
  return { api, other, etag: made.etag ?? '', roles };
}

describe('a replacement that lost its race is refused, and the other one stays', () => {
  test.each([
    ['with the ETag', (etag: string) => etag, 'precondition_failed'],
    ['with *', () => '*', 'try_again'],
  ])('%s', async (_, ifMatch, code) => {
    const { api, etag, roles } = await createRace();
    const replaced = api.put('bot', 'example', bot('mine'), {
      ifMatch: ifMatch(etag),
      ifNoneMatch: null,
    });
    await expect(replaced).rejects.toMatchObject({ code });
    expect(await roles()).toMatchObject({ roles: ['other'] });
  });
});

test.each(['the ETag', '*', 'nothing'])(
  'a removal that lost its race is refused, with %s as If-Match',
  async (which) => {
    const { api, etag, roles } = await createRace();
    const ifMatch = which === 'nothing' ? null : which === '*' ? '*' : etag;
    await expect(api.remove('bot', 'example', ifMatch, false)).rejects.toMatchObject({
      code: 'precondition_failed',
    });
    expect(await roles()).toMatchObject({ roles: ['other'] });
  },
);
