/**
 * Every format of X.509 outputs, by name. The names of files are those that the program's own documentation has, so that its
 * configuration needs a directory at most. To add one: a row in the table.
 */
import { decodePem } from '../../shared/encoding/pem.ts';
import type { FileSet } from '../file-set.ts';
import { pkcs8Der, pkcs8Pem } from './key-text.ts';
import type { Material } from './output.ts';
import { type Pkcs12Options, passwordOf } from './pkcs12-fields.ts';

export interface FormatOptions {
  /** Hosts are servers, bots are clients: some programs have names for either. */
  readonly isHost: boolean;
  readonly pkcs12: Pkcs12Options;
}

type Entries = readonly (readonly [name: string, content: string | Uint8Array])[];

interface Format {
  readonly names: (options: FormatOptions) => readonly string[];
  readonly files: (material: Material, options: FormatOptions) => Entries | Promise<Entries>;
}

/** Key, chain and authorities as PEM, each in a file of its own. */
const pemFiles = (
  named: (options: FormatOptions) => readonly [chain: string, key: string, authorities: string],
): Format => ({
  names: named,
  files: ({ certificate, trust }, options) => {
    const [chain, key, authorities] = named(options);
    return [
      [chain, certificate.tls],
      [key, pkcs8Pem(certificate)],
      [authorities, trust.tls.roots],
    ];
  },
});

/** Key and chain in one file, beside the authorities. */
const oneFile = (together: string, authorities: string): Format => ({
  names: () => [together, authorities],
  files: ({ certificate, trust }) => [
    [together, pkcs8Pem(certificate) + certificate.tls],
    [authorities, trust.tls.roots],
  ],
});

const postgresql = pemFiles(({ isHost }) => [
  isHost ? 'server.crt' : 'postgresql.crt',
  isHost ? 'server.key' : 'postgresql.key',
  'root.crt',
]);

/** `ca.crt` and a pair for the user or the node, in a directory for `--certs-dir`; tbot's clients know `node.crt`. */
const cockroach: Format = {
  names: () => ['cockroach'],
  files: ({ certificate, trust, owner }, { isHost }) =>
    [
      ['ca.crt', trust.tls.roots] as const,
      ...['node', ...(isHost ? [] : [`client.${owner}`])].flatMap((name) => [
        [`${name}.crt`, certificate.tls] as const,
        [`${name}.key`, pkcs8Pem(certificate)] as const,
      ]),
    ].map(([name, text]) => [`cockroach/${name}`, text] as const),
};

export const FORMATS = {
  pem: pemFiles(() => ['tls.crt', 'tls.key', 'tls.cas']),
  der: {
    names: () => ['tls.crt.der', 'tls.key.der', 'tls.cas'],
    files: ({ certificate, trust }) => [
      ['tls.crt.der', decodePem('CERTIFICATE', certificate.tls)?.[0] ?? new Uint8Array()],
      ['tls.key.der', pkcs8Der(certificate)],
      ['tls.cas', trust.tls.roots],
    ],
  },
  pkcs12: {
    names: () => ['keystore.p12', 'truststore.p12'],
    // A library that most agents never need.
    files: async (material, { pkcs12 }) =>
      (await import('./pkcs12.ts')).keyStores(material, pkcs12),
  },
  combined: oneFile('tls.pem', 'tls.cas'),
  nginx: pemFiles(() => ['fullchain.pem', 'privkey.pem', 'ca.pem']),
  postgresql: {
    names: (options) => [
      ...postgresql.names(options),
      ...(options.isHost ? [] : ['postgresql.pk8']),
    ],
    files: async (material, options) => [
      ...(await postgresql.files(material, options)),
      // JDBC's driver reads no other form of a key.
      ...(options.isHost ? [] : [['postgresql.pk8', pkcs8Der(material.certificate)] as const]),
    ],
  },
  mysql: pemFiles(({ isHost }) => {
    const side = isHost ? 'server' : 'client';
    return [`${side}-cert.pem`, `${side}-key.pem`, 'ca.pem'];
  }),
  mongo: oneFile('mongo.crt', 'mongo.cas'),
  cockroach,
  kubernetes: pemFiles(() => ['tls.crt', 'tls.key', 'ca.crt']),
} satisfies Readonly<Record<string, Format>>;

export type FormatName = keyof typeof FORMATS;
export const FORMAT_NAMES = Object.keys(FORMATS) as [FormatName, ...FormatName[]];

export const namesOf = (formats: readonly FormatName[], options: FormatOptions): string[] => [
  ...new Set(formats.flatMap((name) => (FORMATS[name] as Format).names(options))),
];

/** Throws a `Failure` where what a format needs is not there. */
export async function checkFormats(
  formats: readonly FormatName[],
  { pkcs12 }: FormatOptions,
): Promise<void> {
  if (formats.includes('pkcs12')) await passwordOf(pkcs12);
}

/** The files of all these formats together. Where two have a name in common, they have the contents in common. */
export async function filesOf(
  formats: readonly FormatName[],
  material: Material,
  options: FormatOptions,
): Promise<FileSet> {
  const files = await Promise.all(formats.map((name) => FORMATS[name].files(material, options)));
  return new Map(files.flat());
}
