/** What no test can notice, or none needs to, in `shared/storage/`. */
import type { Explained } from './explanation.ts';

export const STORAGE: Explained = {
  'shared/storage/azure-tables.ts': [
    {
      line: 'if (page.done) return rows;',
      becomes: ['false'],
      why: 'where a list begins, or goes on, there is a page: the line is for the type',
    },
  ],
  'shared/storage/host-names.ts': [
    {
      line: "const text = (column: string): string => String(values[column] ?? '');",
      becomes: ['"Stryker was here!"'],
      why: 'a row has all its columns: the default is for the type',
    },
  ],
  'shared/storage/instances.ts': [
    {
      line: "const text = (column: string): string => String(values[column] ?? '');",
      becomes: ['"Stryker was here!"'],
      why: 'a row has all its columns: the default is for the type',
    },
  ],
  'shared/storage/join-log-anchors.ts': [
    {
      line: "const time = parseTimestamp(told?.time ?? '');",
      becomes: ['"Stryker was here!"'],
      why: 'neither text is a time',
    },
    {
      line: 'return told && time && at.getTime() - time.getTime() < TWO_HOURS_MS ? [told.last] : [];',
      becomes: ['told || time'],
      why: 'what was told has a time, and no time was told without it: one of them is for the type',
    },
    {
      line: "parseTimestamp(textOf(z.object({ time: timestamp }), row)?.time ?? '');",
      becomes: ['"Stryker was here!"'],
      why: 'neither text is a time',
    },
    {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of the code.
      line: 'previous && !there.has(previous.key) ? [`${ANCHORS}/${previous.key}`] : [],',
      becomes: ['["Stryker was here"]'],
      why: 'no anchor has such a name, which sorts before the oldest that is kept',
    },
    {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of the code.
      line: 'wrong: [...wrong, ...missing.filter((name) => name >= `${ANCHORS}/${swept}`)],',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of the code.
      becomes: ['name > `${ANCHORS}/${swept}`'],
      why: 'a name goes on after its time',
    },
  ],
  'shared/storage/join-log-lists.ts': [
    {
      line: "const from = [firstRequestId(since), after ?? ''].toSorted().at(-1) ?? '';",
      becomes: ['"Stryker was here!"', '+1'],
      why: 'of two there is a last one, which is the second',
    },
    {
      line: 'found.push(...parts.flat().toSorted((a, b) => (a.key < b.key ? -1 : 1)));',
      becomes: ['a.key <= b.key'],
      why: 'no two rows have a key',
    },
    {
      line: 'const next = page.length === MOST_OF_ONE ? page.at(-1)?.id : undefined;',
      becomes: ['page.at(-1).id'],
      why: 'a full page has a last row: the question mark is for the type',
    },
    {
      line: "by === 'machine' && !/^arn:/i.test(value) ? (nameIn(value) ?? '') : value;",
      becomes: ['/arn:/i', '"Stryker was here!"'],
      why: 'no resource id has such a part, and each text has a last part',
    },
    {
      line: 'records.toSorted((a, b) => (a.request_id < b.request_id ? -1 : 1));',
      becomes: ['a.request_id <= b.request_id'],
      why: 'no two attempts have an id',
    },
  ],
  'shared/storage/memory-tables.ts': [
    {
      line: 'version += 1;',
      becomes: ['version -= 1'],
      why: 'any number does that was not there before',
    },
    {
      line: 'if (keyAfter !== undefined && row.key <= keyAfter) return false;',
      becomes: ['true'],
      why: 'no comparison with undefined holds: this one is for the type',
    },
    {
      line: 'if (keyBelow !== undefined && row.key >= keyBelow) return false;',
      becomes: ['true'],
      why: 'no comparison with undefined holds: this one is for the type',
    },
    {
      line: 'if (partitionAfter !== undefined && row.partition <= partitionAfter) return false;',
      becomes: ['true'],
      why: 'no comparison with undefined holds: this one is for the type',
    },
    {
      line: 'if (partitionBelow !== undefined && row.partition >= partitionBelow) return false;',
      becomes: ['true'],
      why: 'no comparison with undefined holds: this one is for the type',
    },
    {
      line: 'const compare = (a: string, b: string): number => (a < b ? -1 : 1);',
      becomes: ['a <= b'],
      why: 'no two rows are the same',
    },
  ],
  'shared/storage/table.ts': [
    {
      line: "const long = columns.find(([, value]) => typeof value === 'string' && value.length > MOST_TEXT);",
      becomes: ['true'],
      why: 'a number has no length: the comparison is for the type',
    },
  ],
  'shared/storage/join-log-seal.ts': [
    {
      line: "const parsed = parseJsonWith(sealText, String(row.values['seal'] ?? ''));",
      becomes: ['"Stryker was here!"'],
      why: 'neither text is JSON',
    },
    {
      line: 'function formerKey(row: Row, id: string, { former = [] }: LogKey): FormerLogKey | undefined {',
      becomes: ['["Stryker was here"]'],
      why: 'what has no name is the key of no row',
    },
  ],
  'shared/storage/join-log.ts': [
    {
      line: 'const part = Number.parseInt(writer.slice(0, 1), 16) % INDEX_PARTS;',
      becomes: ['writer'],
      why: 'any digits of a random id do',
    },
  ],
  'shared/storage/log-pages.ts': [
    {
      line: 'return { rows, next: rows.length === MOST_LISTED ? rows.at(-1)?.key : undefined };',
      becomes: ['rows.at(-1).key'],
      why: 'a full page has a last row: the question mark is for the type',
    },
  ],
  'shared/storage/machines.ts': [
    {
      line: 'const shown = { partition: joinToken, key: ADDED, values: { write: randomUUID() } };',
      becomes: ['{}'],
      why: 'a row that is written has another ETag, whatever it says',
    },
  ],
  'shared/storage/packed-serials.ts': [
    {
      line: 'const bytes = Buffer.from(decodeBase64(text) ?? []);',
      becomes: ['["Stryker was here"]'],
      why: 'one byte is no entry',
    },
  ],
  'shared/storage/resources.ts': [
    {
      line: "const revision = String(row?.values['revision']);",
      becomes: ['row.values'],
      why: 'the row was just read or written: the question mark is for the type',
    },
    {
      line: 'cached = { snapshot: snapshotOf(await table.list({ partition: PARTITION })), revision };',
      becomes: ['{}'],
      why: 'the table has one partition',
    },
    {
      line: "const stored = found.status === 'fulfilled' ? found.value : undefined;",
      becomes: ['true'],
      why: 'what could not be read has no value: the comparison is for the type',
    },
    {
      line: 'const rows = (await table.list({ partition: PARTITION })).filter(',
      becomes: ['{}'],
      why: 'the table has one partition',
    },
    {
      line: 'return { items, next: rows.length > most ? items.at(-1)?.resource.metadata.name : undefined };',
      becomes: ['items.at(-1).resource'],
      why: 'a full page has a last one: the question mark is for the type',
    },
    {
      line: "return createHash('sha256').update(writes.join('\\n')).digest('base64url');",
      becomes: ['""'],
      why: 'lists in JSON are told apart without anything between them',
    },
  ],
  'shared/storage/revoked.ts': [
    {
      line: 'if (error instanceof SyntaxError) return [UNREADABLE];',
      becomes: ['true'],
      why: 'nothing but JSON can fail there',
    },
  ],
  'shared/storage/verify-join-log.ts': [
    {
      line: 'rows: [...rows.filter(({ partition }) => partition < end), ...rest],',
      becomes: ['partition <= end'],
      why: 'no row of ours has the bare minute for a name: one that somebody planted would be named twice',
    },
    {
      line: '[...expected, ...(own ? [own] : [])].map((one) => [placeOf(one), one] as const),',
      becomes: ['["Stryker was here"]'],
      why: 'of a text without a place or a seal, none is missed',
    },
    {
      line: "if (partition < dayOf(keptSince(at))) return 'swept';",
      becomes: ['partition <= dayOf(oldest)'],
      why: 'a partition begins with its day, and is longer',
    },
  ],
};
