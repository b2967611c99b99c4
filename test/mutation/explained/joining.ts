/** What no test can notice, or none needs to, in `shared/joining/`. */
import type { Explained } from './explanation.ts';

export const JOINING: Explained = {
  'shared/joining/explain.ts': [
    {
      line: "join_method: token?.spec.join_method ?? 'azure',",
      becomes: ['""'],
      why: 'without a join token nobody looks at the method',
    },
    {
      line: "const machine = parseMachineId(record.resource_id ?? record.claimed_resource_id ?? '');",
      becomes: ['"Stryker was here!"'],
      why: 'neither text is a resource id',
    },
    {
      line: '...(vm_id !== undefined && { machine: vm_id }),',
      becomes: ['true'],
      why: 'no lock is on nothing',
    },
    {
      line: '...(aws_arn !== undefined && { aws_arn }),',
      becomes: ['true'],
      why: 'no lock is on nothing',
    },
    {
      line: "const wish = { name: 'identity', csr: '' };",
      becomes: ['{}', '""', '"Stryker was here!"'],
      why: 'no name and no key is looked at',
    },
    {
      line: "owner.bot === undefined ? undefined : owner.grant(wish, 'certificates[0]', lifetime, []);",
      becomes: ['""', '["Stryker was here"]'],
      why: 'the place is told of what is wrong with a wish, and a bot has no names',
    },
  ],
  'shared/joining/methods/azure.ts': [
    {
      line: "const claimed = parseMachineId(evidence.resource_id ?? '');",
      becomes: ['"Stryker was here!"'],
      why: 'neither text is a resource id',
    },
    {
      line: "...specOf(joinToken, 'azure').azure.allow.flatMap(({ tenant }) => tenant ?? []),",
      becomes: ['["Stryker was here"]'],
      why: 'a token names a tenant by its GUID',
    },
    {
      line: 'throw ruleMismatch(joinToken, decision.admitted ? [] : decision.misses);',
      becomes: ['["Stryker was here"]'],
      why: 'whom no rule could match none admits: the comparison is for the type',
    },
  ],
  'shared/joining/explain-machine.ts': [
    {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of the code.
      line: "id.kind === 'vm' ? id.vm : id.kind === 'instance' ? `${id.set}_${id.instance}` : id.set;",
      becomes: ['true'],
      why: 'a set is no machine: the comparison is for the type',
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
  'shared/joining/caller.ts': [
    {
      line: "const [before = '', after] = address.toLowerCase().split('::', 2);",
      becomes: ['"Stryker was here!"'],
      why: 'a text that is split has a first part: the default is for the type',
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
  'shared/joining/heartbeat.ts': [
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
  'shared/joining/instance-proof.ts': [
    {
      line: "const hash = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';",
      becomes: ['true'],
      why: "OpenSSL's own choice for RSA and these curves is SHA-256, too",
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
      line: 'askedKey: keys[0]?.tlsKey.der,',
      becomes: ['keys[0].tlsKey'],
      why: 'a request asks for a certificate at least: the question mark is for the type',
    },
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
  'shared/joining/methods/method.ts': [
    {
      line: 'export const NO_NAME_FACTS: NameFacts = {',
      becomes: ['{}'],
      why: 'what is not there is undefined, too: the names are for the type',
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
};
