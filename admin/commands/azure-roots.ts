/** `joinctl azure-roots add|ls|rm`: more roots that may sign Azure's attested documents, without a release. */
import { resolve } from 'node:path';
import type { AzureAnchor } from '../../shared/protocol/azure-roots.ts';
import type { Resource } from '../../shared/protocol/resource.ts';
import { type Arguments, flagValue, operand } from '../arguments.ts';
import { parseFingerprint, readCertificate, type ShownCertificate } from '../certificate.ts';
import type { Command } from '../command.ts';
import { confirm } from '../confirm.ts';
import { Failure, UsageFailure } from '../failure.ts';
import { readBytes } from '../files.ts';
import { display, parseName } from '../kinds.ts';
import { printable } from '../printable.ts';
import { formatOf, printMany, printResource } from '../resource-output.ts';
import { openSession } from '../session.ts';
import { type Column, renderTable } from '../table.ts';
import { expiryOf } from './expiry.ts';
import { remove } from './rm.ts';

export const azureRootsAdd: Command = {
  words: ['azure-roots', 'add'],
  summary: "trust one more root for Azure's attested documents; needs JoinBroker.AuthorityAdmin",
  operands: ['<certificate file>'],
  flags: {
    name: "the resource's name (made of the certificate's)",
    sha256: 'the fingerprint that the owner publishes: nothing is asked where it is right',
    message: 'why, for other operators',
    ttl: 'how long (until the certificate ends)',
    expires: 'until when',
    yes: "don't ask",
    format: 'text says that it was created; json and yaml print the resource',
  },
  examples: [
    'joinctl azure-roots add "Microsoft TLS RSA Root G4.crt"',
    'joinctl azure-roots add root.pem --sha256=6A:17:05:83:DB:58:41:51:E1:C4:54:EE:CA:2A:64:CC:5D:8E:48:4A:5B:D1:15:6E:72:0B:44:58:65:4E:E9:E5',
  ],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const published = fingerprintOf(args);
    const file = operand(args, 0);
    const certificate = readCertificate(await readBytes(resolve(io.cwd, file)));
    if (!certificate)
      throw new Failure(
        `${printable(file)} is not one certificate in PEM or DER: nothing was done.`,
      );
    const { name, sha256, pem } = certificate;
    if (published !== undefined && published !== sha256)
      throw new Failure(
        `The fingerprint of ${printable(file)} is ${sha256}, not the one that was given: nothing was done.`,
      );
    const expires = expiryOf(args, io.now());
    const message = flagValue(args, 'message');
    const wanted: Resource = {
      kind: 'azure_root',
      version: 'v1',
      metadata: {
        name: parseName(flagValue(args, 'name') ?? slugOf(name)),
        ...(expires !== undefined && { expires }),
        ...(message !== undefined && { description: message }),
      },
      spec: { certificate: pem, sha256 },
    };
    const { client } = await openSession(io, args);
    const reference = { kind: wanted.kind, name: wanted.metadata.name };
    if (!(await client.check(wanted))) throw new Failure(`${display(reference)} exists already.`);
    if (published === undefined) await confirm(io, args, consequencesOf(certificate));
    if (!(await client.create(wanted))) throw new Failure(`${display(reference)} exists already.`);
    if (format !== 'text') return printResource(io, format, wanted);
    io.stdout.write(
      `${display(reference)} has been created\n\n${shown(certificate)}\nDocuments that lead to it count within five seconds. To end it:\n  joinctl azure-roots rm ${reference.name}\n`,
    );
  },
};

/** The published fingerprint that was given. */
function fingerprintOf(args: Arguments): string | undefined {
  const given = flagValue(args, 'sha256');
  const sha256 = given === undefined ? undefined : parseFingerprint(given);
  if (given !== undefined && sha256 === undefined)
    throw new UsageFailure(
      `--sha256 is a fingerprint of 64 hex digits, not "${printable(given)}".`,
    );
  return sha256;
}

/** `Microsoft TLS RSA Root G4` as `microsoft-tls-rsa-root-g4`. */
const slugOf = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, LONGEST_NAME) || 'azure-root';

const LONGEST_NAME = 63;

const shown = ({ subject, sha256, begins, ends }: ShownCertificate): string =>
  [
    `Subject   ${printable(subject)}`,
    `SHA-256   ${sha256}`,
    `Valid     ${begins} to ${ends}`,
    '',
  ].join('\n');

const consequencesOf = (certificate: ShownCertificate): string =>
  [
    shown(certificate),
    "Whoever has this root's key can say that any machine of Azure is there. Compare the fingerprint with the one",
    'that the owner publishes, on a way that has nothing to do with this file.',
    '',
  ].join('\n');

export const azureRootsLs: Command = {
  words: ['azure-roots', 'ls'],
  summary: "list what vouches for Azure's attested documents, and until when",
  operands: [],
  flags: { format: 'how to show them (text)' },
  examples: ['joinctl azure-roots ls'],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const { client } = await openSession(io, args);
    printMany(io, format, await client.azureRoots(), (all) =>
      renderTable(COLUMNS, all, io.stdout.columns),
    );
  },
};

const COLUMNS: readonly Column<AzureAnchor>[] = [
  { header: 'Trusted as', cell: ({ anchor }) => anchor.replace('_', ' ') },
  { header: 'Name', cell: ({ name }) => name, elastic: true },
  { header: 'Ends', cell: ({ expires, ends_soon }) => `${expires}${ends_soon ? ' (soon)' : ''}` },
  { header: 'SHA-256', cell: ({ sha256 }) => sha256 },
];

export const azureRootsRm: Command = {
  words: ['azure-roots', 'rm'],
  summary: 'end the trust in an added root: machines whose documents lead to it are denied',
  operands: ['<azure root>'],
  flags: {},
  examples: ['joinctl azure-roots rm microsoft-tls-rsa-root-g4'],
  async run(io, args) {
    const name = parseName(operand(args, 0));
    const { client } = await openSession(io, args);
    await remove(io, client, { kind: 'azure_root', name });
  },
};
