/**
 * The changes that no test can notice, or that none needs to, with the reason. A change that is explained here and that
 * no longer survives is an error, too.
 */
export interface Explanation {
  /** The line of the code in which the change begins, without the space around it. */
  readonly line: string;
  /** What the changed part became, as Stryker writes it; white space doesn't count. */
  readonly becomes: readonly string[];
  readonly why: string;
}

/** By file. */
export const EXPLAINED: Readonly<Record<string, readonly Explanation[]>> = {
  'agent/durable-file.ts': [
    {
      line: '} finally {',
      becomes: ['{}'],
      why: 'a file that is closed late is the same file',
    },
    {
      line: 'export async function syncDirectory(directory: string): Promise<void> {',
      becomes: ['{}'],
      why: 'what is on the disk shows only when the power fails',
    },
    {
      line: 'await handle.sync().finally(() => handle.close());',
      becomes: ['() => undefined'],
      why: 'a directory that is closed late is the same directory',
    },
  ],
  'shared/attestation/azure/directory-keys.ts': [
    {
      line: 'if (tenants.size >= MOST_TENANTS && oldest !== undefined) tenants.delete(oldest);',
      becomes: ['true'],
      why: 'what is full has a first key: the comparison is for the type',
    },
    {
      line: '} catch {',
      becomes: ['{}'],
      why: 'undefined is as false as false, and a function that ends gives undefined, too',
    },
    {
      line: 'entry.fetchedAt > 0 && entry.fetchedAt === entry.triedAt ? justAsked : unavailable;',
      becomes: ['true', 'entry.fetchedAt >= 0'],
      why: 'nobody tried in the first second of 1970',
    },
    {
      line: "if (!set.ok) throw new Error('the directory answered something that is no key set');",
      becomes: ['false', ';'],
      why: 'what is thrown without a value is caught as well',
    },
  ],
  'shared/attestation/azure/machine-binding.ts': [
    {
      line: "const named = parseIdentityId(identity.identityClaim ?? '');",
      becomes: ['"Stryker was here!"'],
      why: 'neither text is a resource id',
    },
  ],
  'shared/attestation/azure/attested-document.ts': [
    {
      line: 'if (error instanceof DerError)',
      becomes: ['true'],
      why: 'reading a certificate throws nothing else',
    },
  ],
  'shared/attestation/aws/sts-message.ts': [
    {
      line: "if (end < 0) throw malformed('expected an empty line after the headers');",
      becomes: ['end <= 0'],
      why: 'what begins with an empty line has no first line either',
    },
  ],
  'shared/attestation/aws/sts-request.ts': [
    {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of the code.
      line: 'if (!KNOWN_HEADERS[name]?.(value)) throw malformed(`the header ${name} has another value`);',
      becomes: ['KNOWN_HEADERS[name](value)'],
      why: 'the line before has looked: the question mark is for the type',
    },
    {
      line: 'age > 0',
      becomes: ['age >= 0'],
      why: 'what was signed just now is in time',
    },
  ],
  'shared/attestation/azure/certificate-path.ts': [
    {
      line: 'const { isKnownSignature = () => false } = options;',
      becomes: ['() => undefined'],
      why: 'undefined is as false as false',
    },
    {
      line: 'const found = search(() => false);',
      becomes: ['() => undefined'],
      why: 'undefined is as false as false',
    },
    {
      line: 'pinned ?? (added.length > 0 ? extend([signer], [...roots, ...added], avoids) : undefined)',
      becomes: ['true', 'added.length >= 0'],
      why: 'with none added, the second search finds no more than the first',
    },
    {
      line: '} catch {',
      becomes: ['{}'],
      why: 'a function that ends gives undefined, which is as false as false',
    },
    {
      line: 'if (!child) return undefined;',
      becomes: ['false'],
      why: 'a path always has its signer: the line is for the type',
    },
    {
      line: 'if (basicConstraints.pathLength !== undefined && basicConstraints.pathLength < below) {',
      becomes: ['true'],
      why: 'undefined is less than no number: the comparison is for the type',
    },
  ],
  'shared/joining/admission.ts': [
    {
      line: 'const about = { join_token: name, ...(bot !== undefined && { bot }) };',
      becomes: ['true'],
      why: 'a bot that is undefined is told as little as none',
    },
  ],
  'shared/joining/audited-join.ts': [
    {
      line: 'const probe = refused && (await isProbe().catch(() => false));',
      becomes: ['() => undefined'],
      why: 'undefined is as false as false',
    },
  ],
  'shared/joining/certificate-keys.ts': [
    {
      line: '} catch {',
      becomes: ['{}'],
      why: 'a function that ends gives undefined, too',
    },
  ],
  'shared/joining/claim-place.ts': [
    {
      line: 'for (let i = 0; i < others.length && live.length < limit; i += limit) {',
      becomes: ['i <= others.length'],
      why: 'one more round looks at nobody',
    },
    {
      line: 'for (const [position, one] of some.entries()) (kept[position]?.length ? live : over).push(one);',
      becomes: ['kept[position].length'],
      why: 'there is one for each machine: the question mark is for the type',
    },
    {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of the code.
      line: '.map(({ machine, made }) => `${machine} (instance ${made.at(-1)?.id})`);',
      becomes: ['made.at(-1).id'],
      why: 'a machine that lives has an instance: the question mark is for the type',
    },
  ],
  'shared/joining/copied-identity.ts': [
    {
      line: "const key = decodeBase64(named?.key ?? '');",
      becomes: ['"Stryker was here!"'],
      why: 'neither text is the base64 of a key',
    },
    {
      line: "const written = parseTimestamp(time ?? '');",
      becomes: ['"Stryker was here!"'],
      why: 'neither text is a time',
    },
  ],
  'shared/joining/caller.ts': [
    {
      line: "const [before = '', after] = address.toLowerCase().split('::', 2);",
      becomes: ['"Stryker was here!"'],
      why: 'a text that is split has a first part: the default is for the type',
    },
  ],
  'shared/joining/heartbeat.ts': [
    {
      line: 'if (!holds || leaf.extensions.basicConstraints?.ca) throw unknown();',
      becomes: ['leaf.extensions.basicConstraints.ca'],
      why: 'our leaves all have basicConstraints: the question mark is for the type',
    },
    {
      line: 'if (!(error instanceof DerError)) throw error;',
      becomes: ['false'],
      why: 'reading a certificate throws nothing else',
    },
    {
      line: "const [uri = '', ...more] = uris;",
      becomes: ['"Stryker was here!"'],
      why: 'neither text begins like our own',
    },
  ],
  'shared/joining/issue-and-record.ts': [
    {
      line: "bot: grants.find((grant) => grant.type === 'user')?.bot,",
      becomes: ['true'],
      why: "a host's grant has no bot: the comparison is for the type",
    },
  ],
  'shared/joining/join.ts': [
    {
      line: "const stored = renewing.kind === 'renewal' ? renewing.stored : undefined;",
      becomes: ['true'],
      why: 'a first join has none stored: the comparison is for the type',
    },
    {
      line: "name: keys[i]?.wish.name ?? '',",
      becomes: ['keys[i].wish', '"Stryker was here!"'],
      why: 'there is one key for each wish: the default is for the type',
    },
    {
      line: "const end = parseTimestamp(metadata.expires ?? '');",
      becomes: ['"Stryker was here!"'],
      why: 'neither text is a time',
    },
  ],
  'shared/joining/methods/methods.ts': [
    {
      line: 'const [, bot] = /^bot:(.*)$/.exec(owner) ?? [];',
      becomes: ['/^bot:(.*)/', '["Stryker was here"]'],
      why: "a bot's name is one line, and nothing has no second part",
    },
  ],
  'shared/joining/methods/token.ts': [
    {
      line: 'if (instance?.key === undefined) {',
      becomes: ['instance.key'],
      why: 'a renewal names its instance: the question mark is for the type',
    },
  ],
  'shared/joining/owners/bot.ts': [
    {
      line: "const bot = snapshot.get('bot', spec.bot_name ?? '');",
      becomes: ['"Stryker was here!"'],
      why: 'a join token of a bot has its name: the default is for the type',
    },
  ],
  'shared/joining/owners/lifetime.ts': [
    {
      line: 'ends: readonly (string | undefined)[] = [],',
      becomes: ['["Stryker was here"]'],
      why: 'what is no time ends nothing',
    },
    {
      line: "parseDuration(ttl ?? '') ?? lifetime.defaultSeconds,",
      becomes: ['"Stryker was here!"'],
      why: 'neither text is a length of time',
    },
    {
      line: "parseDuration(lifetime.tokenTtl ?? '') ?? Number.POSITIVE_INFINITY,",
      becomes: ['"Stryker was here!"'],
      why: 'neither text is a length of time',
    },
    {
      line: ".map((text) => parseTimestamp(text ?? ''))",
      becomes: ['"Stryker was here!"'],
      why: 'neither text is a time',
    },
  ],
  'shared/joining/instance-proof.ts': [
    {
      line: "const hash = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';",
      becomes: ['true'],
      why: "OpenSSL's own choice for RSA and these curves is SHA-256, too",
    },
  ],
  'shared/joining/probe-mark.ts': [
    {
      line: "const [, sequence, encoded = ''] = FORM.exec(mark) ?? [];",
      becomes: ['"Stryker was here!"', '["Stryker was here"]'],
      why: 'a mark of another form names no key: its MAC is never looked at',
    },
  ],
  'shared/joining/rate-limit.ts': [
    {
      line: 'if (count === 0 && tries.size >= mostCallers && first !== undefined) tries.delete(first);',
      becomes: ['true'],
      why: 'what is full has a first key: the comparison is for the type',
    },
  ],
  'shared/encoding/der-decode.ts': [
    {
      line: 'second !== undefined &&',
      becomes: ['true'],
      why: 'no comparison with undefined holds: this one is for the type',
    },
  ],
  'shared/encoding/pem.ts': [
    {
      line: 'const lines = encodeBase64(der).match(/.{1,64}/g) ?? [];',
      becomes: ['["Stryker was here"]'],
      why: 'nobody encodes no bytes',
    },
  ],
  'shared/encoding/ssh-public-key.ts': [
    {
      line: 'if (!blob) return undefined;',
      becomes: ['false'],
      why: 'nothing can not be read either: what that throws is caught',
    },
    {
      line: 'if (reader.text() !== match?.[1]) return undefined;',
      becomes: ['match[1]'],
      why: 'there is a match, or there were no bytes: the question mark is for the type',
    },
    {
      line: '} catch {',
      becomes: ['{}'],
      why: 'a function that ends gives undefined, too',
    },
    {
      line: 'if (!(type in CURVES)) return undefined;',
      becomes: ['false'],
      why: 'a type without a curve can not be taken apart: what that throws is caught',
    },
    {
      line: 'if (point[0] !== 4 || point.length !== 1 + 2 * size)',
      becomes: ['false'],
      why: 'coordinates of another length are none in a JSON Web Key either',
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
  'shared/authority/genuine-keys.ts': [
    {
      line: "row.owner === 'data' && row.sequence === takenOver.from && hashOf(row) === takenOver.row,",
      becomes: ['true'],
      why: 'what custody wrapped names its owner, too: as a row of another one it does not open',
    },
    {
      line: 'if (!unwrapped.has(id) && unwrapped.size >= MOST_REMEMBERED && oldest !== undefined) {',
      becomes: ['true'],
      why: 'what is full has an oldest one: the comparison is for the type',
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
  'shared/authority/key-vault-refusal.ts': [
    {
      line: "return typeof code === 'string' ? code : undefined;",
      becomes: ['true'],
      why: 'what is no text is like none of the words: the comparison is for the type',
    },
  ],
  'shared/authority/published-keys.ts': [
    {
      line: "if (used?.sequence === key.sequence) return 'signing';",
      becomes: ['used.sequence'],
      why: 'where a key is not over, one is used: the question mark is for the type',
    },
    {
      line: '...(key.sequence === oldest ? [drivenOut(key, policy)] : []).filter(',
      becomes: ['["Stryker was here"]'],
      why: 'a text is before no time',
    },
    {
      line: 'PUBLISHED.some((one) => one[0] === owner && one[1] === purpose) &&',
      becomes: ['true'],
      why: 'no other owner has a root, or keys that sign',
    },
  ],
  'shared/authority/root-retirement.ts': [
    {
      line: 'const { sequence, cross, ended = [] } = signing;',
      becomes: ['["Stryker was here"]'],
      why: 'a text has no number, and no root has none',
    },
  ],
  'shared/authority/rotation.ts': [
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
  'shared/authority/restore-keys.ts': [
    {
      line: 'const dataLast = there ? [] : [genuine.dataRow].filter((row) => !ours.has(rowId(row)));',
      becomes: ['[genuine.dataRow]'],
      why: 'where its row is there, the data key is found there',
    },
    {
      line: '[...genuine.keys, ...opened.keys].flatMap(({ owner, ended = [] }) =>',
      becomes: ['["Stryker was here"]'],
      why: 'a text has no number, and no key has none',
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
  'shared/storage/verify-join-log.ts': [
    {
      line: '[...expected, ...(own ? [own] : [])].map((one) => [placeOf(one), one] as const),',
      becomes: ['["Stryker was here"]'],
      why: 'of a text without a place or a seal, none is missed',
    },
    {
      line: "if (partition < dayOf(oldest)) return 'swept';",
      becomes: ['partition <= dayOf(oldest)'],
      why: 'a partition begins with its day, and is longer',
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
};
