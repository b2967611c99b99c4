/** What no test can notice, or none needs to, in `shared/authority/`. */
import type { Explained } from './explanation.ts';

export const AUTHORITY: Explained = {
  'shared/authority/authorities.ts': [
    {
      line: 'newestKey(keys, key.owner, key.purpose)?.expires ?? key.expires;',
      becomes: ['newestKey(keys, key.owner, key.purpose).expires'],
      why: 'a key that is used has a newest one: the question mark is for the type',
    },
    {
      line: "function crossOf({ cross, ended = [] }: OpenedKey, at: number): OpenedKey['cross'] {",
      becomes: ['["Stryker was here"]'],
      why: 'a text has no number, and no root has none',
    },
    {
      line: '.flatMap(({ ended }) => ended ?? [])',
      becomes: ['["Stryker was here"]'],
      why: 'a text has neither certificate nor key',
    },
  ],
  'shared/authority/count-keys.ts': [
    {
      line: '} catch {',
      becomes: ['{}'],
      why: 'a function that ends gives undefined, which is as false as false',
    },
    {
      line: 'ended = [],',
      becomes: ['["Stryker was here"]'],
      why: 'a text has neither certificate nor key that could not be read',
    },
    {
      line: 'if (before !== undefined) return before;',
      becomes: ['false'],
      why: 'the answer is the same: remembering only saves work',
    },
    {
      line: 'keepLatest(known, name, answer, MOST_REMEMBERED);',
      becomes: [';'],
      why: 'the answer is the same: remembering only saves work',
    },
  ],
  'shared/authority/genuine-keys.ts': [
    {
      line: "row.owner === 'data' && row.sequence === takenOver.from && hashOf(row) === takenOver.row,",
      becomes: ['true'],
      why: 'what custody wrapped names its owner, too: as a row of another one it does not open',
    },
  ],
  'shared/authority/init-authorities.ts': [
    {
      line: 'const isUnused = genuine?.marks.some((mark) => mark.owner === owner && mark.highest === 0);',
      becomes: ['genuine.marks'],
      why: 'without a data key nothing else is asked for: the question mark is for the type',
    },
  ],
  'shared/authority/key-store.ts': [
    {
      line: 'async insert(key, mark, ends = []) {',
      becomes: ['["Stryker was here"]'],
      why: 'a text has no row',
    },
    {
      line: "row: String(values['takenRow'] ?? ''),",
      becomes: ['"Stryker was here!"'],
      why: 'a row without it is not the one that we would write, either way',
    },
    {
      line: 'return value === undefined ? undefined : (JSON.parse(String(value)) as readonly EndedKey[]);',
      becomes: ['false'],
      why: 'the text "undefined" is no JSON, which gives undefined, too',
    },
    {
      line: '} catch {',
      becomes: ['{}'],
      why: 'a function that ends gives undefined, too',
    },
    {
      line: "return isWrittenAs(row, rowOfMark(mark)) ? mark : { ...mark, highest: 0, sealed: bytesOf('') };",
      becomes: ['"Stryker was here!"'],
      why: 'what is no base64 is no bytes, either',
    },
    {
      line: "decodeBase64(String(value ?? '')) ?? new Uint8Array();",
      becomes: ['"Stryker was here!"'],
      why: 'what is no base64 is no bytes, either',
    },
  ],
  'shared/authority/key-vault-custody.ts': [
    {
      line: "const idOf = ({ id = '' }: KeyVaultKey): string => id;",
      becomes: ['"Stryker was here!"'],
      why: 'a key of the vault has an id: the default is for the type',
    },
    {
      line: 'if (!key?.crv || !key.x || !key.y)',
      becomes: ['(!key?.crv || !key.x) && !key.y', 'false', '!key?.crv && !key.x', 'key.crv'],
      why: 'a curve key has all three, and of a part of them Node.js makes no key: the rest is for the type',
    },
    {
      line: 'key: { kid: id, keyOps: [operation] },',
      becomes: ['{}', '[]'],
      why: 'the library looks at other parts of a key before it asks the vault: this one is for the type',
    },
    {
      line: 'properties: { id, name, vaultUrl: new URL(id).origin },',
      becomes: ['{}'],
      why: 'the library looks at other parts of a key before it asks the vault: this one is for the type',
    },
  ],
  'shared/authority/key-vault-refusal.ts': [
    {
      line: "return typeof code === 'string' ? code : undefined;",
      becomes: ['true'],
      why: 'what is no text is like none of the words: the comparison is for the type',
    },
  ],
  'shared/authority/make-key.ts': [
    {
      line: 'logKeys: sealLogKeys(dataKey, former ?? []),',
      becomes: ['["Stryker was here"]'],
      why: 'there are former ones wherever there was a data key before: the default is for the type',
    },
    {
      line: 'const room = by && parseCertificate(by.certificate).extensions.basicConstraints?.pathLength;',
      becomes: ['parseCertificate(by.certificate).extensions.basicConstraints.pathLength'],
      why: 'every root of ours has basic constraints: the question mark is for the type',
    },
    {
      line: 'if (!by || room === undefined || room < ROOT_PATH_LENGTH) return undefined;',
      becomes: ['false', '!by && room === undefined'],
      why: 'every root of ours has a path length: the comparison is for the type',
    },
  ],
  'shared/authority/published-keys.ts': [
    {
      line: "if (used?.sequence === key.sequence) return 'signing';",
      becomes: ['used.sequence'],
      why: 'where a key is not over, one is used: the question mark is for the type',
    },
    {
      line: 'PUBLISHED.some((one) => one[0] === owner && one[1] === purpose) &&',
      becomes: ['true'],
      why: 'no other owner has a root, or keys that sign',
    },
  ],
  'shared/authority/restore-keys.ts': [
    {
      line: 'const dataLast = there ? [] : [genuine.dataRow].filter((row) => !ours.has(rowId(row)));',
      becomes: ['[genuine.dataRow]'],
      why: 'where its row is there, the data key is found there',
    },
    {
      line: "const stored = readRows(rows.map((row) => ({ ...row, etag: '' })));",
      becomes: ['"Stryker was here!"'],
      why: 'rows of a file have no ETag: it is for the type',
    },
    {
      line: 'const lost = lostKinds({ keys: [] }, new Date(0));',
      becomes: ['["Stryker was here"]'],
      why: 'what is no key leaves the data key lost',
    },
    {
      line: 'const others = present.filter((row) => idOf(row) !== idOf(dataRow));',
      becomes: ['present', 'true'],
      why: 'a data key that does not open is passed over',
    },
    {
      line: "there ?? (await openGenuineKeys(readRows([...others, { ...dataRow, etag: '' }]), parts, now));",
      becomes: ['"Stryker was here!"'],
      why: 'rows of a file have no ETag: it is for the type',
    },
    {
      line: "if (!opened) throw new Error('a data key that opened does not open any more');",
      becomes: ['false', ';'],
      why: 'it has opened before: the line is for the type',
    },
    {
      line: '...(there ? [there.dataRow] : []),',
      becomes: ['["Stryker was here"]'],
      why: 'what is no row has the name of none',
    },
    {
      line: '...(opened.earlierRow ? [opened.earlierRow] : []),',
      becomes: ['["Stryker was here"]'],
      why: 'what is no row has the name of none',
    },
  ],
  'shared/authority/retire-root.ts': [
    {
      line: 'genuine && retirementOf(genuine.keys, (key) => rootOf(key, genuine.keys)?.sequence, at);',
      becomes: ['rootOf(key, genuine.keys).sequence'],
      why: 'an issuing key without its root is not among the keys: the question mark is for the type',
    },
    {
      line: "if (!found || !row) throw unavailable('no root signs: see joinctl auth status');",
      becomes: ['!found && !row'],
      why: 'a key that was found has its row, and one that was not has none',
    },
  ],
  'shared/authority/signing-key.ts': [
    {
      line: 'export const answersLeak = ({ created, ended = [] }: KeyDescription): boolean =>',
      becomes: ['["Stryker was here"]'],
      why: 'a text has no time, and no key has none',
    },
  ],
  'shared/authority/ssh-certificate.ts': [
    {
      line: 'const NO_PERMISSIONS: SshPermissions = { extensions: [], sourceAddresses: undefined };',
      becomes: ['["Stryker was here"]'],
      why: 'only names that are known are written',
    },
  ],
  'shared/authority/tls-certificate.ts': [
    {
      line: 'basicConstraints({ pathLength: 0 }),',
      becomes: ['{}'],
      why: 'no number is written as 0',
    },
  ],
  'shared/authority/root-retirement.ts': [
    {
      line: 'const { sequence, cross, ended = [] } = signing;',
      becomes: ['["Stryker was here"]'],
      why: 'a text has no number, and no root has none',
    },
  ],
  'shared/authority/rotate.ts': [
    {
      line: 'if (!genuine) return { keys: [], marks: [], taken: stored.taken };',
      becomes: ['["Stryker was here"]'],
      why: 'what is no key and no mark has no owner',
    },
    {
      line: '...(genuine.earlierRow ? [genuine.earlierRow] : []),',
      becomes: ['["Stryker was here"]'],
      why: 'what is no key has no owner',
    },
    {
      line: "if (!genuine) throw new Error('the data key comes first');",
      becomes: ['false', ';'],
      why: 'without a data key no other one is due: the line is for the type',
    },
  ],
  'shared/authority/rotation.ts': [
    {
      line: "purpose !== 'root' || !usedKey(present.keys, owner, purpose, secondsOf(now)),",
      becomes: ['false'],
      why: 'of another kind that is lost no key is used',
    },
    {
      line: 'if (key.owner === owner && key.purpose === purpose && key.sequence > (newest?.sequence ?? 0))',
      becomes: ['key.sequence >= (newest?.sequence ?? 0)'],
      why: 'no two keys of an owner have a number',
    },
    {
      line: '{ owner, purpose, ends = [] }: DueCreation,',
      becomes: ['["Stryker was here"]'],
      why: 'no number is a text',
    },
    {
      line: '({ owner, cross, ended = [] }: KeyDescription): boolean =>',
      becomes: ['["Stryker was here"]'],
      why: 'a text has no number, and no root has none',
    },
    {
      line: "({ purpose, sequence }) => purpose === 'encrypt' && sequence !== newest?.sequence,",
      becomes: ['newest.sequence'],
      why: 'a data key that is there has a newest one: the question mark is for the type',
    },
    {
      line: 'if (newestKey(keys, key.owner, key.purpose)?.sequence !== key.sequence) return undefined;',
      becomes: ['newestKey(keys, key.owner, key.purpose).sequence'],
      why: 'a key that is there has a newest one: the question mark is for the type',
    },
    {
      line: "case 'root':",
      becomes: ["case 'root':", '""'],
      why: 'a function that ends gives undefined, too',
    },
    {
      line: 'const predecessor = publication > 0 && usedKey(keys, owner, purpose, at);',
      becomes: ['true', 'publication >= 0'],
      why: 'without a publication it starts now, whoever was before',
    },
  ],
  'shared/authority/local-custody.ts': [
    {
      line: '} catch {',
      becomes: ['{}'],
      why: 'a function that ends gives undefined, too',
    },
    {
      line: "writeFileSync(draft, content, { flag: 'wx', mode: 0o600 });",
      becomes: ['""'],
      why: 'no file has the name that was drawn, and nobody can guess it',
    },
  ],
  'shared/authority/sealing.ts': [
    {
      line: "const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });",
      becomes: ['{}'],
      why: 'sixteen bytes are what GCM has without a word',
    },
    {
      line: "const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), {",
      becomes: ['{}'],
      why: 'the tag is cut to sixteen bytes before',
    },
  ],
};
