/** `joinctl azure-signers deny|ls|rm`: certificates and keys under which no attested document counts. */
import { resolve } from 'node:path';
import type { Resource } from '../../shared/protocol/resource.ts';
import { flagValue, operand } from '../arguments.ts';
import { parseFingerprint, readCertificate } from '../certificate.ts';
import type { Command } from '../command.ts';
import { Failure } from '../failure.ts';
import { readBytes } from '../files.ts';
import type { Io } from '../io.ts';
import { display, parseName } from '../kinds.ts';
import { printable } from '../printable.ts';
import { formatOf, printResource, printResources } from '../resource-output.ts';
import { openSession } from '../session.ts';
import { expiryOf } from './expiry.ts';
import { remove } from './rm.ts';

export const azureSignersDeny: Command = {
  words: ['azure-signers', 'deny'],
  summary:
    "deny joins and renewals whose attested document rests on a certificate: its signer's, or one above it; by its file, on any of its key",
  operands: ['<fingerprint|certificate file>'],
  flags: {
    name: "the resource's name (made of the fingerprint)",
    message: 'why, for other operators',
    ttl: 'how long (until it is removed)',
    expires: 'until when',
    format: 'text says that it was created; json and yaml print the resource',
  },
  examples: [
    'joinctl azure-signers deny 6a170583db584151e1c454eeca2a64cc5d8e484a5bd1156e720b4458654ee9e5 --message="key leaked"',
    'joinctl azure-signers deny signer.pem --ttl=72h',
  ],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const denied = await deniedBy(io, operand(args, 0));
    const expires = expiryOf(args, io.now());
    const message = flagValue(args, 'message');
    const wanted: Resource = {
      kind: 'azure_denied_signer',
      version: 'v1',
      metadata: {
        name: parseName(flagValue(args, 'name') ?? denied.name),
        ...(expires !== undefined && { expires }),
      },
      spec: { ...denied.spec, ...(message !== undefined && { message }) },
    };
    const { client } = await openSession(io, args);
    const reference = { kind: wanted.kind, name: wanted.metadata.name };
    if (!(await client.create(wanted))) throw new Failure(`${display(reference)} exists already.`);
    if (format !== 'text') return printResource(io, format, wanted);
    io.stdout.write(
      `${display(reference)} has been created\n${denied.note}\nJoins and renewals that rest on it are denied within five seconds; certificates that are out live on, unless their machines are locked. To end it:\n  joinctl azure-signers rm ${reference.name}\n`,
    );
  },
};

interface Denied {
  readonly spec: { readonly sha256: string } | { readonly public_key_sha256: string };
  readonly name: string;
  /** What is denied by it, and what is not. */
  readonly note: string;
}

/** A file says which key it is: another certificate of it could come from another authority, or from the same one again. */
async function deniedBy(io: Io, given: string): Promise<Denied> {
  const sha256 = parseFingerprint(given);
  if (sha256 !== undefined)
    return {
      spec: { sha256 },
      name: `sha256-${sha256.slice(0, 16)}`,
      note: '\nIt is this one certificate: another one of the same key counts. The file of the certificate denies the key.\n',
    };
  const certificate = readCertificate(await readBytes(resolve(io.cwd, given)));
  if (!certificate)
    throw new Failure(
      `${printable(given)} is not one certificate in PEM or DER: nothing was done.`,
    );
  const { name, keySha256 } = certificate;
  return {
    spec: { public_key_sha256: keySha256 },
    name: `key-${keySha256.slice(0, 16)}`,
    note: `\nIt is the key of ${printable(name)}: every certificate of it is denied.\n`,
  };
}

export const azureSignersLs: Command = {
  words: ['azure-signers', 'ls'],
  summary: 'list the certificates and keys that are denied',
  operands: [],
  flags: { format: 'how to show them (text)' },
  examples: ['joinctl azure-signers ls'],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const { client } = await openSession(io, args);
    const kind = 'azure_denied_signer';
    printResources(io, format, [kind], await client.list(kind));
  },
};

export const azureSignersRm: Command = {
  words: ['azure-signers', 'rm'],
  summary: 'let documents count again that rest on a certificate',
  operands: ['<denied signer>'],
  flags: {},
  examples: ['joinctl azure-signers rm sha256-6a170583db584151'],
  async run(io, args) {
    const name = parseName(operand(args, 0));
    const { client } = await openSession(io, args);
    await remove(io, client, { kind: 'azure_denied_signer', name });
  },
};
