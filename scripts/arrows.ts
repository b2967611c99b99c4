/**
 * The arrows between folders (docs/design.md, "Layout"): who may import whom, type-only imports included. `npm run arrows`
 * checks them. That no two files import each other, directly or over others, is a rule of the linter's (biome.json).
 */

/** A folder, or one file, and all that it may import from outside itself. */
export interface Arrows {
  readonly from: string;
  /** Folders, files, or `folder/*.ts`: the files directly in a folder. */
  readonly to: readonly string[];
  /** The folder's files don't import each other. */
  readonly apart?: true;
}

/** Small files that all of `shared/` but `encoding` and `protocol` may use. */
const LOW = [
  'azure-credential',
  'call',
  'deadline',
  'do-each',
  'fetch-http-client',
  'fetch-text',
  'first-use',
  'lookups',
  'refusal',
  'remembered',
  'request-id',
  'retry-after',
].map((name) => `shared/${name}.ts`);

const BASE = ['shared/encoding', 'shared/protocol', ...LOW];

/** What a join is made of. */
const JOINING = [
  ...BASE,
  'shared/resources',
  'shared/storage',
  'shared/attestation',
  'shared/authority',
  'shared/telemetry',
];

/** What join methods have in common, the table of them, and what their rules say of a tale. Nothing else of a join knows a method's name. */
const METHODS = ['method.ts', 'methods.ts', 'told-rules.ts'].map(
  (name) => `shared/joining/methods/${name}`,
);

/** Used only by those whose entry names them, or a file in them, whatever else it names. */
export const PRIVATE: readonly string[] = [
  'shared/broker.ts',
  'shared/broker-for-joiners.ts',
  'shared/foundation.ts',
  'shared/joining/methods',
];

/** From the lowest up. Where two entries hold a file, the later one counts; a file that none holds uses nothing. */
export const ARROWS: readonly Arrows[] = [
  { from: 'shared/encoding', to: [] },
  { from: 'shared/http', to: [] },
  { from: 'shared/protocol', to: ['shared/encoding'] },
  ...LOW.map((from) => ({ from, to: BASE })),
  { from: 'shared/resources', to: BASE },
  { from: 'shared/storage', to: [...BASE, 'shared/resources'] },
  { from: 'shared/attestation', to: BASE },
  { from: 'shared/attestation/azure', to: [...BASE, 'shared/attestation/*.ts'] },
  { from: 'shared/attestation/aws', to: [...BASE, 'shared/attestation/*.ts'] },
  { from: 'shared/authority', to: [...BASE, 'shared/storage/table.ts'] },
  // It wraps what it measures.
  {
    from: 'shared/telemetry',
    to: [...BASE, 'shared/storage', 'shared/attestation', 'shared/authority'],
  },

  { from: 'shared/joining', to: JOINING },
  { from: 'shared/joining/join.ts', to: [...JOINING, 'shared/joining', ...METHODS] },
  { from: 'shared/joining/explain.ts', to: [...JOINING, 'shared/joining', ...METHODS] },
  {
    from: 'shared/joining/methods',
    to: [...JOINING, 'shared/joining/*.ts', 'shared/joining/methods/method.ts'],
    apart: true,
  },
  {
    from: 'shared/joining/methods/methods.ts',
    to: [...JOINING, 'shared/joining/*.ts', 'shared/joining/methods'],
  },
  {
    from: 'shared/operators',
    to: [
      'shared/protocol',
      ...LOW,
      'shared/resources',
      'shared/storage',
      'shared/attestation',
      'shared/authority',
      'shared/telemetry',
    ],
  },
  {
    from: 'shared/revocation',
    to: [...BASE, 'shared/resources', 'shared/storage', 'shared/authority'],
  },
  {
    from: 'shared/probing',
    to: [...BASE, 'shared/authority', 'shared/telemetry', 'shared/joining/probe-mark.ts'],
  },
  { from: 'shared/openapi.ts', to: ['shared/protocol', 'shared/resources'] },
  {
    from: 'shared/settings-schema.ts',
    to: [...BASE, 'shared/attestation', 'shared/authority/ssh-certificate.ts'],
  },
  { from: 'shared/settings-about.ts', to: ['shared/settings-schema.ts'] },
  {
    from: 'shared/settings.ts',
    to: [
      ...BASE,
      'shared/attestation',
      'shared/authority/rotation-policy.ts',
      'shared/settings-schema.ts',
    ],
  },
  { from: 'shared/broker-for-operators.ts', to: ['shared'] },
  { from: 'shared/foundation.ts', to: ['shared', ...METHODS] },
  { from: 'shared/broker-for-joiners.ts', to: ['shared', 'shared/foundation.ts'] },
  {
    from: 'shared/broker.ts',
    to: ['shared', ...METHODS, 'shared/foundation.ts', 'shared/broker-for-joiners.ts'],
  },

  { from: 'agent', to: ['shared/encoding', 'shared/protocol', 'shared/http'] },
  { from: 'admin', to: ['shared/encoding', 'shared/protocol', 'shared/http'] },
  { from: 'functions', to: ['shared', 'shared/broker.ts'] },
  {
    from: 'scripts',
    to: ['shared', 'agent/systemd', 'agent/config-document', 'admin/denials.ts'],
  },
  { from: 'local', to: ['shared', 'shared/broker.ts', 'scripts'] },
  { from: 'bench', to: ['shared', 'shared/broker.ts', 'scripts', 'local', 'agent'] },
  {
    from: 'bench/stranger-others.ts',
    to: ['shared', 'functions/installation.ts', 'functions/tools.ts'],
  },
  {
    from: 'test',
    to: [...PRIVATE, 'shared', 'agent', 'admin', 'functions', 'scripts', 'local', 'bench'],
  },
];
