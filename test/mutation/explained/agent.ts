/** What no test can notice, or none needs to, in `agent/`. */
import type { Explained } from './explanation.ts';

export const AGENT: Explained = {
  'agent/addresses.ts': [
    {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of the code.
      line: 'const written = /^[a-z][a-z0-9+.-]*:\\/\\//i.test(text) ? text : `https://${text}`;',
      becomes: ['/[a-z][a-z0-9+.-]*:\\/\\//i'],
      why: 'what has a scheme further on is no address with another one before it, either',
    },
  ],
  'agent/aws/container-credentials.ts': [
    {
      line: "const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';",
      becomes: ['""'],
      why: 'an error of reading a file has a code: the default is for the type',
    },
  ],
  'agent/aws/corrected-time.ts': [
    {
      line: "const said = new Date(dateHeader ?? '');",
      becomes: ['"Stryker was here!"'],
      why: 'that is no time, either',
    },
  ],
  'agent/aws/environment-credentials.ts': [
    {
      line: "const expires = parseTimestamp((env['AWS_CREDENTIAL_EXPIRATION'] ?? '').replace('+00:00', 'Z'));",
      becomes: ['"Stryker was here!"'],
      why: 'that is no time, either',
    },
  ],
  'agent/aws/signature.ts': [
    {
      line: "method: 'POST',",
      becomes: ['""'],
      why: 'the library takes it for a request with a body',
    },
    {
      line: "path: '/',",
      becomes: ['""'],
      why: 'the library takes it for a request without a path',
    },
    {
      line: '{ accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },',
      becomes: ['true'],
      why: 'the library takes one that is undefined for none',
    },
    {
      line: "return encodeBase64(Buffer.from(text, 'latin1'));",
      becomes: ['""'],
      why: 'the text is in ASCII',
    },
  ],
  'agent/azure-evidence.ts': [
    {
      line: '...(resourceId !== undefined && { resource_id: resourceId }),',
      becomes: ['true'],
      why: 'JSON has no member that is undefined: the comparison is for the type',
    },
  ],
  'agent/azure-machine.ts': [
    {
      line: "const FIRMWARE = '/sys/class/dmi/id';",
      becomes: ['""'],
      why: 'what the machine of the tests says there is not known',
    },
    {
      line: "() => '',",
      becomes: ['() => undefined'],
      why: 'nothing is known of it, either',
    },
  ],
  'agent/broker-signature.ts': [
    {
      line: 'return later < 0 && (version !== known.version || says !== known.says);',
      becomes: ['later <= 0'],
      why: 'the line before has answered for one and the same signer',
    },
  ],
  'agent/broker.ts': [
    {
      line: 'return { lists, etag: etag !== undefined && ETAG.test(etag) ? etag : undefined };',
      becomes: ['true'],
      why: 'what is no text has no quotes: the comparison is for the type',
    },
  ],
  'agent/certificate-cache.ts': [
    {
      line: 'if (!file || !directory) return;',
      becomes: ['!file && !directory'],
      why: 'both are there, or none: one of them is for the type',
    },
    {
      line: "const text = await readFile(file, 'utf8').catch(() => '{}');",
      becomes: ['""'],
      why: 'bytes are read as JSON in UTF-8, too, and what is no JSON is an empty cache as well',
    },
  ],
  'agent/check-directory.ts': [
    {
      line: 'const PROBE = Buffer.alloc(64 * 1024);',
      becomes: ['64 / 1024'],
      why: 'where the disk is full the files themselves are refused later: this only says so before a join',
    },
    {
      line: 'await writeFile(probe, PROBE, { mode: 0o600 });',
      becomes: ['{}'],
      why: 'there are zeros in it, and it is gone at once',
    },
  ],
  'agent/command-line.ts': [
    {
      line: "const FIRST_WORDS = [...new Set(NAMES.map((name) => name.split(' ')[0] ?? '')), 'version', 'help'];",
      becomes: ['"Stryker was here!"'],
      why: 'a text has a first part: the default is for the type',
    },
  ],
  'agent/config-document/definitions.ts': [
    {
      line: 'if (known === undefined) definitions[own] = partsOf(value, false);',
      becomes: ['true', 'known !== undefined'],
      why: 'it comes out the same each time that it is made, and there is a second time',
    },
    {
      line: "typeof value === 'object' && value !== null ? (value as Schema).title : undefined;",
      becomes: ['true'],
      why: 'a text has no title, either: the comparison is for the type',
    },
  ],
  'agent/config-document/json-schema.ts': [
    {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of the code.
      line: "if (missing.size > 0) throw new Error(`described, but no fields: ${[...missing].join(', ')}`);",
      becomes: ['false', ';'],
      why: 'each that is described is there: this stops a build where one is not',
    },
    {
      line: 'const { properties, items, oneOf, anyOf, additionalProperties, required = [] } = schema;',
      becomes: ['["Stryker was here"]'],
      why: 'there is no field of this name',
    },
    {
      line: "return typeof type === 'string' ? type : undefined;",
      becomes: ['true'],
      why: 'a type that is one value is a text, and no type is undefined: the comparison is for the type',
    },
    {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of the code.
      line: "const own = kind === undefined ? path : path.replace('outputs.', `outputs[${kind}].`);",
      becomes: ['false'],
      why: 'of no type nothing is described apart',
    },
    {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of the code.
      line: 'if (about === undefined) throw new Error(`no description: ${own}`);',
      becomes: ['false', ';'],
      why: 'each field is described: this stops a build where one is not',
    },
  ],
  'agent/config-forms.ts': [
    {
      line: 'for (const [position, output] of (Array.isArray(outputs) ? outputs : []).entries()) {',
      becomes: ['["Stryker was here"]'],
      why: 'that has no type',
    },
  ],
  'agent/destinations.ts': [
    {
      line: "{ names, files, ownerOnly = [], lists: listed = [] }: Output['content'],",
      becomes: ['["Stryker was here"]'],
      why: 'there is no list of this name',
    },
    {
      line: "{ files, lists: listed = [] }: Output['content'],",
      becomes: ['["Stryker was here"]'],
      why: 'there is no list of this name',
    },
  ],
  'agent/diagnostics-address.ts': [
    {
      line: '/^(?:\\[([0-9a-f:.]+)\\]|([A-Za-z0-9.-]*)):(\\d{1,5})$/.exec(text) ?? [];',
      becomes: ['["Stryker was here"]'],
      why: 'the first part is nowhere asked for',
    },
  ],
  'agent/directory-lock.ts': [
    {
      line: "const isLinux = process.platform === 'linux';",
      becomes: ['true'],
      why: 'the tests run on Linux',
    },
    {
      line: 'server.unref();',
      becomes: [';'],
      why: 'a process that ends shows it, and a test has none to end',
    },
    {
      line: 'sleep: (ms) => delay(ms),',
      becomes: ['() => undefined'],
      why: 'whoever gives way has done so in most cases; test/agent/lock-number.test.ts has the waits',
    },
  ],
  'agent/doctor/broker-checks.ts': [
    {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of the code.
      line: "const said = `this machine's clock is ${seconds} s ${offsetMs > 0 ? 'behind' : 'ahead of'} the broker's`;",
      becomes: ['offsetMs >= 0'],
      why: 'clocks that agree were answered before',
    },
  ],
  'agent/doctor/directory-checks.ts': [
    {
      line: 'const destinations = destinationsOf(settings, false, effects);',
      becomes: ['true'],
      why: 'that is about what is written, and nothing is',
    },
    {
      line: 'async function freeBytes(path: string): Promise<number> {',
      becomes: ['{}'],
      why: 'the disk of the tests has room',
    },
  ],
  'agent/doctor/evidence-checks.ts': [
    {
      line: "const downloads = await openDownloads({ type: 'memory' }, env, effects.log);",
      becomes: ['{}', '""'],
      why: 'what is no directory is as good as memory there',
    },
  ],
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
  'agent/failure.ts': [
    {
      line: "override readonly name = 'Failure';",
      becomes: ['""'],
      why: 'it is for whoever looks for a mistake: nothing asks for it',
    },
  ],
  'agent/file-set.ts': [
    {
      line: 'if (content) files.set(name, content);',
      becomes: ['true'],
      why: 'only a file that becomes a link right after it was listed has none, and nothing can be written of it',
    },
    {
      line: "const version = entry.isSymbolicLink() ? await readlink(path) : '';",
      becomes: ['"Stryker was here!"'],
      why: 'no version is named so, either',
    },
    {
      line: 'folders.add(dirname(file));',
      becomes: [';'],
      why: 'what is on the disk shows only when the power fails',
    },
    {
      line: 'const folders = new Set([path]);',
      becomes: ['[]'],
      why: 'what is on the disk shows only when the power fails',
    },
  ],
  'agent/health.ts': [
    {
      line: 'const isReady = isWritten && expires !== undefined && expires > now;',
      becomes: ['true'],
      why: 'what is undefined is not after now, either: the comparison is for the type',
    },
  ],
  'agent/heartbeat.ts': [
    {
      line: "const failed = written.unwritten.map(({ name }) => name).join('\\n');",
      becomes: ['""'],
      why: 'it is compared, and no two sets of places are spelt alike',
    },
    {
      line: "const [leaf = '', issuing = ''] = (decodePem('CERTIFICATE', own.tls) ?? []).map(encodeBase64);",
      becomes: ['"Stryker was here!"', '["Stryker was here"]'],
      why: 'a certificate was read when it came: the defaults are for the type',
    },
  ],
  'agent/identity-directory.ts': [
    {
      line: "const kept = keptLists(instance.role === 'Node' ? [KRL_FILE] : []);",
      becomes: ['["Stryker was here"]'],
      why: 'there is no list of this name',
    },
  ],
  'agent/init.ts': [
    {
      line: "const [, , uid, gid] = found?.stdout.split(':') ?? [];",
      becomes: ['["Stryker was here"]'],
      why: 'that says no number, either',
    },
    {
      line: 'if (found?.code === 0 && uid !== undefined && gid !== undefined)',
      becomes: ['true'],
      why: 'where there is a second number there is a first one: the comparison is for the type',
    },
  ],
  'agent/instance-state.ts': [
    {
      line: "const parsed = parseJsonWith(stateFile, files.get(STATE_FILE) ?? '');",
      becomes: ['"Stryker was here!"'],
      why: 'all files that were asked for are there, or none: the default is for the type',
    },
    {
      line: "const key = readKey(files.get(keyFile(role)) ?? '');",
      becomes: ['"Stryker was here!"'],
      why: 'all files that were asked for are there, or none: the default is for the type',
    },
    {
      line: '} catch {',
      becomes: ['{}'],
      why: 'a function that ends gives undefined, too',
    },
  ],
  'agent/issued-certificate.ts': [
    {
      line: 'const otherKey = sshKey === undefined ? undefined : parseSshPublicKeyLine(sshKey);',
      becomes: ['false'],
      why: 'what is no text is no line of a key, either: the comparison is for the type',
    },
    {
      line: "if (!leaf?.publicKey.equals(publicKey)) throw unfit('it is for another key');",
      becomes: ['leaf.publicKey'],
      why: 'there is a first one of at least one: the question mark is for the type',
    },
  ],
  'agent/issuing-certificates.ts': [
    {
      line: "const directory = storage.type === 'directory' ? storage.path : undefined;",
      becomes: ['true'],
      why: 'memory has no path: the comparison is for the type',
    },
  ],
  'agent/join-answer.ts': [
    {
      line: 'if (!one || answer.certificates.length !== keys.length || one.name !== asked[position]?.name) {',
      becomes: ['asked[position].name'],
      why: 'there is a wish for each key: the question mark is for the type',
    },
    {
      line: 'sshKey: asked[position]?.ssh_public_key,',
      becomes: ['asked[position].ssh_public_key'],
      why: 'there is a wish for each key: the question mark is for the type',
    },
    {
      line: '...(answer.bot !== undefined && { bot: answer.bot }),',
      becomes: ['true'],
      why: 'a name that is undefined is nowhere told from none: the comparison is for the type',
    },
  ],
  'agent/join-request.ts': [
    {
      line: 'return wish ? [{ ...wish, csr: certificationRequest(key) }] : [];',
      becomes: ['["Stryker was here"]'],
      why: 'there is a wish for each key: the comparison is for the type',
    },
    {
      line: "const refreshAfter = parseTimestamp(known?.trust.refreshAfter ?? '');",
      becomes: ['"Stryker was here!"'],
      why: 'that is no time, either',
    },
  ],
  'agent/join.ts': [
    {
      line: 'return { ...joined, ...(machine !== undefined && { machine }) };',
      becomes: ['true'],
      why: 'a name that is undefined is nowhere told from none: the comparison is for the type',
    },
  ],
  'agent/known-issuers.ts': [
    {
      line: "if (!der) throw new TypeError('a known issuer is not in PEM');",
      becomes: ['false', ';'],
      why: 'the certificates are in this file, and the tests read each of them',
    },
  ],
  'agent/lifetimes.ts': [
    {
      line: ': older !== undefined && { certificate_ttl: older }),',
      becomes: ['true'],
      why: 'a field that is undefined is nowhere told from none: the comparison is for the type',
    },
    {
      line: 'if (asked === undefined || secondsOf(asked) < secondsOf(life.ttl)) continue;',
      becomes: ['false'],
      why: 'what is undefined lasts no second: the comparison is for the type',
    },
    {
      line: 'const least = interval === undefined ? 0 : secondsOf(interval);',
      becomes: ['false'],
      why: 'what is undefined lasts no second: the comparison is for the type',
    },
  ],
  'agent/lock-number.ts': [
    {
      line: 'if (Math.min(...alive) < own) return false;',
      becomes: ['Math.min(...alive) <= own'],
      why: 'nobody else has the own number',
    },
  ],
  'agent/machine-programs.ts': [
    {
      line: '...(cwd !== undefined && { cwd }),',
      becomes: ['true'],
      why: 'a directory that is undefined is none: the comparison is for the type',
    },
    {
      line: "stderr: error?.killed ? 'it took too long' : stderr,",
      becomes: ['""'],
      why: 'a program that takes 30 s would take a test as long',
    },
  ],
  'agent/openssh-private-key.ts': [
    {
      line: "const MAGIC = Buffer.from('openssh-key-v1\\0', 'latin1');",
      becomes: ['""'],
      why: 'the text is in ASCII',
    },
    {
      line: "const scalar = decodeBase64Url(key.export({ format: 'jwk' }).d ?? '');",
      becomes: ['"Stryker was here!"'],
      why: 'a private key has this part: the default is for the type',
    },
    {
      line: 'const lines = encodeBase64(whole).match(LINE) ?? [];',
      becomes: ['["Stryker was here"]'],
      why: 'there is at least one line: the default is for the type',
    },
  ],
  'agent/options.ts': [
    {
      line: 'if (!(error instanceof TypeError)) throw error;',
      becomes: ['false'],
      why: 'Node throws nothing else there',
    },
    {
      line: "const unknown = /^Unknown option '(--?[^']*)'/.exec(error.message)?.[1];",
      becomes: ["/Unknown option '(--?[^']*)'/"],
      why: 'Node says so at the beginning, if at all',
    },
    {
      line: "if (unknown === undefined) return printable(error.message.split('. ')[0] ?? '');",
      becomes: ['"Stryker was here!"'],
      why: 'a text has a first part: the default is for the type',
    },
    {
      line: "const meant = nearestName(unknown.replace(/^--?/, ''), Object.keys(OPTIONS));",
      becomes: ['/--?/', '/^--/'],
      why: 'it begins so, and of one letter no name is near',
    },
  ],
  'agent/outputs/application.ts': [
    {
      line: 'const options = { isHost, pkcs12: {} };',
      becomes: ['{}'],
      why: 'the files called tls are the same for both, and are no key store',
    },
  ],
  'agent/outputs/formats.ts': [
    {
      line: "['tls.crt.der', decodePem('CERTIFICATE', certificate.tls)?.[0] ?? new Uint8Array()],",
      becomes: ["decodePem('CERTIFICATE', certificate.tls)[0]"],
      why: 'a certificate was read when it came: the question mark is for the type',
    },
  ],
  'agent/outputs/identity.ts': [
    {
      line: "content: ({ hosts = [], formats = [], ssh_config: sshConfig = 'on', revocation = false }) => ({",
      becomes: ['["Stryker was here"]'],
      why: 'there is no format of this name',
    },
  ],
  'agent/outputs/pkcs12.ts': [
    {
      line: "const chain = decodePem('CERTIFICATE', certificate.tls) ?? [];",
      becomes: ['["Stryker was here"]'],
      why: 'a certificate was read when it came: the default is for the type',
    },
    {
      line: "const roots = decodePem('CERTIFICATE', trust.tls.roots) ?? [];",
      becomes: ['["Stryker was here"]'],
      why: 'a trust bundle was read when it came: the default is for the type',
    },
    {
      line: "const crypto = new pkijs.CryptoEngine({ name: 'node', crypto: webcrypto as never });",
      becomes: ['""'],
      why: 'the library asks nothing by this name',
    },
    {
      line: "pbkdf2HashAlgorithm: 'SHA-256',",
      becomes: ['""'],
      why: 'the library wants it to be there, and makes nothing with it here',
    },
    {
      line: "const bytesOf = (text: string): ArrayBuffer => exactly(Buffer.from(text, 'latin1'));",
      becomes: ['""'],
      why: 'a password is in ASCII',
    },
  ],
  'agent/own-files.ts': [
    {
      line: 'if (uid !== process.geteuid?.()) return undefined;',
      becomes: ['process.geteuid()'],
      why: 'the tests run on Linux: the question mark is for Windows',
    },
    {
      line: "const isLinux = process.platform === 'linux';",
      becomes: ['true'],
      why: 'the tests run on Linux',
    },
  ],
  'agent/readers.ts': [
    {
      line: "to.type === 'kubernetes_secret' ? [] : (to.readers ?? []);",
      becomes: ['false', '""'],
      why: 'a secret has no readers: the comparison is for the type',
    },
    {
      line: 'if ((await stat(path)).gid !== gid) await giveToGroup(path, gid, directory);',
      becomes: ['true'],
      why: 'what the group has is given to it again, which changes nothing',
    },
    {
      line: 'if ((now & enter) !== enter) await chmod(directory, now | enter);',
      becomes: ['true'],
      why: 'what has these rights is given them again, which changes nothing',
    },
    {
      line: '{ readers = [], mode, ownerOnly = [] }: Wanted,',
      becomes: ['["Stryker was here"]'],
      why: 'there is no file of this name',
    },
  ],
  'agent/reload.ts': [
    {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of the code.
      line: "throw new Failure('files', `${failed}: ${why}`);",
      becomes: ['""'],
      why: 'nothing asks for this kind of failure, only whether it is another',
    },
    {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of the code.
      line: "throw new Failure('files', `${path} holds no process id`);",
      becomes: ['""'],
      why: 'nothing asks for this kind of failure, only whether it is another',
    },
    {
      line: "[program = '', ...args]: readonly string[],",
      becomes: ['"Stryker was here!"'],
      why: 'a command has a program: the default is for the type',
    },
  ],
  'agent/retry-after.ts': [
    {
      line: 'if (header === undefined) return undefined;',
      becomes: ['false'],
      why: 'what is undefined is no time, either: the comparison is for the type',
    },
  ],
  'agent/revocation/accept-lists.ts': [
    {
      line: '} catch (error) {',
      becomes: ['{}'],
      why: 'a function that ends gives undefined, too, and the parsers throw nothing else',
    },
    {
      line: 'if (error instanceof failure) return undefined;',
      becomes: ['true'],
      why: 'the parsers throw nothing else',
    },
  ],
  'agent/revocation/list-places.ts': [
    {
      line: 'const due = lists ? names.filter((name) => isDue(name, lists)) : [];',
      becomes: ['["Stryker was here"]'],
      why: 'of no lists nothing is written under any name',
    },
  ],
  'agent/revocation/stored-lists.ts': [
    {
      line: "const parsed = parseJsonWith(contents, (await orUndefined(readFile(path, 'utf8'))) ?? '');",
      becomes: ['"Stryker was here!"', '""'],
      why: 'bytes are read as JSON in UTF-8, too, and that is no JSON, either',
    },
  ],
  'agent/safe-directory.ts': [
    {
      line: 'own = process.getuid?.(),',
      becomes: ['process.getuid()'],
      why: 'the tests run on Linux: the question mark is for Windows',
    },
  ],
  'agent/ssh-certificate.ts': [
    {
      line: "const [type = '', base64 = '', ...comment] = line.trimEnd().split(' ');",
      becomes: ['"Stryker was here!"'],
      why: 'a text has a first part, and what stands for the second is no certificate, either',
    },
    {
      line: '} catch (error) {',
      becomes: ['{}'],
      why: 'a function that ends gives undefined, too, and the reader throws nothing else',
    },
    {
      line: 'if (error instanceof SshWireError) return undefined;',
      becomes: ['true'],
      why: 'the reader throws nothing else',
    },
  ],
  'agent/sshd/host-key.ts': [
    {
      line: 'if (line !== undefined && isCertifiable(parseSshPublicKeyLine(line))) return line;',
      becomes: ['true'],
      why: 'what is no text is no line of a key, either: the comparison is for the type',
    },
  ],
  'agent/sshd/install.ts': [
    {
      line: "if (line !== undefined && keyIn(line) === keyIn(certified ?? '')) return [];",
      becomes: ['"Stryker was here!"'],
      why: 'the file is there, or nothing is installed: the default is for the type',
    },
    {
      line: '} catch (error) {',
      becomes: ['{}'],
      why: 'a function that ends gives undefined, too, and the reader throws nothing else',
    },
    {
      line: 'if (error instanceof SshWireError) return false;',
      becomes: ['true'],
      why: 'the reader throws nothing else',
    },
    {
      line: '() => false,',
      becomes: ['() => undefined'],
      why: 'that is no yes, either',
    },
    {
      line: "const keyIn = (line: string): string => line.trim().split(' ').slice(0, 2).join(' ');",
      becomes: ['""'],
      why: 'they are compared, and base64 begins where the type ends',
    },
    {
      line: 'else if (before !== text) await write(before);',
      becomes: ['true'],
      why: 'what is there is written once more',
    },
  ],
  'agent/sshd/reload.ts': [
    {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of the code.
      line: "new Failure('files', `${sayWay(reload)} could not be reloaded: ${why}`);",
      becomes: ['""'],
      why: 'nothing asks for this kind of failure, only whether it is another',
    },
    {
      line: "const text = await withPlainErrors(directory, () => orUndefined(readFile(path, 'utf8')));",
      becomes: ['""'],
      why: 'bytes are read as JSON in UTF-8, too',
    },
    {
      line: "throw new Failure('files', message);",
      becomes: ['""'],
      why: 'nothing asks for this kind of failure, only whether it is another',
    },
    {
      line: "const text = await withPlainErrors(dirname(path), () => orUndefined(readFile(path, 'utf8')));",
      becomes: ['""'],
      why: 'bytes are read as a number, too',
    },
  ],
  'agent/start-outputs.ts': [
    {
      line: 'const isHost = host !== undefined;',
      becomes: ['true', 'false', 'host === undefined'],
      why: 'an identity is the same for both, and the flag is refused to hosts',
    },
    {
      line: 'content: contentOf(identity, { isHost, isKubernetesSecret: false }),',
      becomes: ['{}', 'true'],
      why: 'an identity is the same for both, and the flag is refused to hosts',
    },
    {
      line: 'content: contentOf(spiffe, { isHost: host !== undefined, isKubernetesSecret: false }),',
      becomes: ['{}', 'true', 'false', 'host === undefined'],
      why: 'the files of an SVID are the same for both',
    },
    {
      line: "return made ? { name: names[position] ?? '', ...made } : [];",
      becomes: ['"Stryker was here!"'],
      why: 'each has a name: the default is for the type',
    },
    {
      line: '...(namespace !== undefined && { namespace }),',
      becomes: ['true'],
      why: 'a field that is undefined is nowhere told from none: the comparison is for the type',
    },
    {
      line: "...(places.slice(1).some((place) => place?.type === 'memory')",
      becomes: ['place.type'],
      why: 'the first one alone may be missing: the question mark is for the type',
    },
  ],
  'agent/start-settings.ts': [
    {
      line: '...(logFormat !== undefined && { logFormat }),',
      becomes: ['true'],
      why: 'a field that is undefined is nowhere told from none: the comparison is for the type',
    },
    {
      line: "throw problem(['auth_server'], '', 'expected one of proxy_server and auth_server, got both');",
      becomes: ['"Stryker was here!"'],
      why: 'where there is a file, no flag is named',
    },
    {
      line: "const origin = brokerOrigin(config?.proxy_server ?? config?.auth_server ?? '');",
      becomes: ['"Stryker was here!"'],
      why: 'that is no address, either',
    },
    {
      line: "throw problem(['services'], '--oneshot', message);",
      becomes: ['""'],
      why: 'services are of a file, and where there is one, no flag is named',
    },
    {
      line: "if (!file?.host || host?.role !== 'Node') {",
      becomes: ['host.role'],
      why: 'a file with a host has one: the question mark is for the type',
    },
  ],
  'agent/token/chain.ts': [
    {
      line: '): KeyObject | undefined => (position === 0 ? instance?.key : chain[position - 1]?.keys[0]);',
      becomes: ['chain[position - 1].keys'],
      why: 'there is one before each but the first: the question mark is for the type',
    },
    {
      line: 'const keys = await createKeys(maker.due, chain[position]?.keys[0]);',
      becomes: ['chain[position].keys'],
      why: 'only a request that is there is written anew: the question mark is for the type',
    },
  ],
  'agent/token/join-by-secret.ts': [
    {
      line: 'if (!(error instanceof Failure)) throw error;',
      becomes: ['false'],
      why: 'there is no advice on anything else, which is thrown as it is',
    },
    {
      line: "if (!sent) throw new TypeError('there is no such request');",
      becomes: ['false', ';'],
      why: 'only requests that are there are sent: the comparison is for the type',
    },
    {
      line: "throw new Failure('untrusted', message);",
      becomes: ['""'],
      why: 'nothing asks for this kind of failure, only whether it is another',
    },
    {
      line: "throw new Failure('config', message);",
      becomes: ['""'],
      why: 'nothing asks for this kind of failure, only whether it is another',
    },
    {
      line: "new Failure('try_again', 'the broker answers too slowly to try an older key now', { cause });",
      becomes: ['{}'],
      why: 'a cause is for whoever looks for a mistake: nothing asks for it',
    },
  ],
  'agent/token/pending-requests.ts': [
    {
      line: "const text = await orUndefined(readFile(path, 'utf8'));",
      becomes: ['""'],
      why: 'bytes are read as JSON in UTF-8, too',
    },
  ],
  'agent/start-directories.ts': [
    {
      line: "const own = storage.type === 'directory' ? storage.path : undefined;",
      becomes: ['true'],
      why: 'memory has no path: the comparison is for the type',
    },
    {
      line: "if (own !== undefined) refuseSystemDirectory(own, ['storage'], '--data-dir', problem);",
      becomes: ['true'],
      why: 'what is undefined is no system directory: the comparison is for the type',
    },
  ],
  'agent/teleport-schema.ts': [
    {
      line: "z.custom<never>(() => false, 'expected join_params, with token_name and method, instead'),",
      becomes: ['() => undefined'],
      why: 'that is no yes, either',
    },
  ],
  'agent/tls-chain.ts': [
    {
      line: 'return parseCertificate(raw).extensions.basicConstraints?.pathLength ?? Infinity;',
      becomes: ['parseCertificate(raw).extensions.basicConstraints.pathLength'],
      why: 'what OpenSSL takes for an authority has them: the question mark is for the type',
    },
    {
      line: '} catch (error) {',
      becomes: ['{}'],
      why: 'in what is undefined nothing has room, either, and the parser throws nothing else',
    },
    {
      line: 'if (error instanceof DerError) return -1;',
      becomes: ['true'],
      why: 'the parser throws nothing else',
    },
  ],
  'agent/wait.ts': [
    {
      line: "throw new Failure('files', message);",
      becomes: ['""'],
      why: 'nothing asks for this kind of failure, only whether it is another',
    },
  ],
  'agent/workload-api/destination.ts': [
    {
      line: "const chain = decodePem('CERTIFICATE', certificate.tls) ?? [];",
      becomes: ['["Stryker was here"]'],
      why: 'a certificate was read when it came: the default is for the type',
    },
    {
      line: "new X509Certificate(leaf).subjectAltName ?? '',",
      becomes: ['"Stryker was here!"'],
      why: 'there is no SPIFFE ID in it, either',
    },
    {
      line: "authorities: decodePem('CERTIFICATE', trust.tls.roots) ?? [],",
      becomes: ['["Stryker was here"]'],
      why: 'a trust bundle was read when it came: the default is for the type',
    },
  ],
  'agent/workload-api/secret-messages.ts': [
    {
      line: 'const version = inner(inner(inner(request, 2, [8]), 8, [1]), 1, []);',
      becomes: ['["Stryker was here"]'],
      why: 'no field has this number',
    },
  ],
  'agent/workload-api/secret-service.ts': [
    {
      line: "StreamSecrets: { ...bytesAlone(path('StreamSecrets'), true), requestStream: true as const },",
      becomes: ['false'],
      why: 'the library takes answers on a stream of requests in either case',
    },
  ],
  'agent/workload-api/secret-stream.ts': [
    {
      line: 'const secrets = secretsOf(wanted, published.svid, first?.envoy);',
      becomes: ['first.envoy'],
      why: 'nothing is wanted before the first request: the question mark is for the type',
    },
  ],
  'agent/workload-api/secrets.ts': [
    {
      line: 'return { ok: true, secrets: names.flatMap((name) => makers[name]?.(name) ?? []) };',
      becomes: ['["Stryker was here"]', 'makers[name](name)'],
      why: 'those that are unknown were refused: both are for the type',
    },
  ],
  'agent/workload-api/server.ts': [
    {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a line of the code.
      line: 'const method = (name: string) => bytesAlone(`/SpiffeWorkloadAPI/${name}`, true);',
      becomes: ['false'],
      why: 'the library takes answers on the stream of a request in either case',
    },
    {
      line: "for (const event of ['cancelled', 'close', 'error'])",
      becomes: ['[]', '""'],
      why: 'what is written to a stream that ended is dropped by the library: only memory would show it',
    },
    {
      line: 'stream.on(event, () => void listeners.delete(stream));',
      becomes: ['() => undefined'],
      why: 'what is written to a stream that ended is dropped by the library: only memory would show it',
    },
    {
      line: 'await rm(folder, { recursive: true, force: true });',
      becomes: ['false'],
      why: 'the folder is there',
    },
  ],
  'agent/workload-api/wire.ts': [
    {
      line: 'for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);',
      becomes: ['rest % 0x80 - 0x80'],
      why: 'a byte is what is left of it by 256',
    },
  ],
  'agent/written-identity.ts': [
    {
      line: 'const tls = pem === undefined ? undefined : certificateOf(pem);',
      becomes: ['false'],
      why: 'what is undefined is no certificate, either: the comparison is for the type',
    },
    {
      line: "const ssh = parseSshCertificate((await textIn(directory, name)) ?? '');",
      becomes: ['"Stryker was here!"'],
      why: 'that is no certificate, either',
    },
    {
      line: '} catch {',
      becomes: ['{}'],
      why: 'a function that ends gives undefined, too',
    },
  ],
  'agent/yaml-file.ts': [
    {
      line: 'if (error instanceof ReferenceError)',
      becomes: ['true'],
      why: 'the library throws nothing else',
    },
    {
      line: 'const rangeStart = (node: unknown): number | undefined => (node as Node | null)?.range?.[0];',
      becomes: ['(node as Node | null)?.range[0]'],
      why: 'what was read has one: the question mark is for the type',
    },
  ],
};
