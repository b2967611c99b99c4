/**
 * Which tests of whole joins a file's changes are shown to, where those that mirror it don't notice them. All of them
 * take a minute for each change that survives, so a file is here with those that are about it; a file that isn't is shown
 * to all of them.
 */
import { existsSync } from 'node:fs';

const EVERY = 'test/conformance/*.test.ts';

/** Names in `test/conformance` or `test/functions`, by files of `shared/`. */
const ABOUT: Readonly<Record<string, readonly string[]>> = {
  'joining/admission': ['join-tokens', 'renewals', 'hammering'],
  'joining/audit-sample': ['strangers'],
  'joining/audited-join': ['strangers', 'audit', 'denials', 'second-instances'],
  'joining/caller': ['strangers'],
  'joining/certificate-facts': ['audit', 'joins'],
  'joining/certificate-keys': ['certificate-keys'],
  'joining/claim-names': ['host-names', 'host-name-rows'],
  'joining/claim-place': ['second-instances'],
  'joining/copied-identity': ['copied-identities', 'generations'],
  'joining/explain': ['explain'],
  'joining/explain-machine': ['explain'],
  'joining/heartbeat': ['heartbeat'],
  'joining/instance-proof': ['generations', 'renewals', 'heartbeat'],
  'joining/instance-record': ['replays', 'renewals', 'generations', 'copied-identities'],
  'joining/issue': ['certificate-lifetimes', 'principals', 'host-names', 'certificate-keys'],
  'joining/issue-and-record': ['replays', 'renewals', 'join-secrets', 'host-names', 'locks'],
  'joining/join': [
    'join-tokens',
    'strangers',
    'locks',
    'renewals',
    'replays',
    'host-names',
    'azure-roots',
    'copied-identities',
    'second-instances',
    'join-secrets',
    'iam',
  ],
  'joining/methods/azure': [
    'machines-denied',
    'machines-admitted',
    'machine-rules',
    'document-freshness',
    'allow-rules',
    'azure-roots',
    'locks',
    'host-names',
    'renewals',
    'hammering',
    'strangers',
  ],
  'joining/methods/iam': ['iam'],
  'joining/methods/method': ['join-tokens'],
  'joining/methods/methods': ['join-tokens'],
  'joining/methods/told-rules': ['explain'],
  'joining/methods/token': ['join-secrets', 'copied-identities', 'generations'],
  'joining/owners/bot': ['principals', 'certificate-lifetimes', 'join-tokens'],
  'joining/owners/host': ['host-names'],
  'joining/owners/lifetime': ['certificate-lifetimes'],
  'joining/owners/owner': ['host-names', 'join-tokens'],
  'joining/owners/owners': ['host-names', 'join-tokens'],
  'joining/probe-mark': [],
  'joining/rate-limit': ['strangers'],
  'joining/renewing': ['renewals', 'generations', 'copied-identities', 'iam'],
  'storage/audit-log': ['change-audit'],
  'storage/heartbeats': ['heartbeat'],
  'storage/host-names': ['host-name-rows', 'host-names'],
  'storage/instances': ['replays', 'renewals', 'instances'],
  'storage/join-log': ['joins', 'strangers'],
  'storage/join-log-anchors': ['joins'],
  'storage/join-log-places': ['joins'],
  'storage/join-log-seal': ['joins'],
  'storage/log-pages': ['joins'],
  'storage/azure-tables': [],
  'storage/join-log-index': ['joins'],
  'storage/join-log-last': ['joins'],
  'storage/join-log-lists': ['joins'],
  'storage/table': [],
  'storage/machines': ['second-instances'],
  'storage/memory-tables': [],
  'storage/packed-serials': [],
  'storage/resources': ['join-tokens', 'resources'],
  'storage/revoked': ['revoked', 'locks'],
  'storage/verify-join-log': ['joins'],
};

export function wholeJoins(file: string): readonly string[] {
  const about = ABOUT[file.replace(/^shared\//, '').replace(/\.ts$/, '')];
  return about ? about.map(testFile) : [EVERY];
}

function testFile(name: string): string {
  const file = `test/conformance/${name}.test.ts`;
  return existsSync(file) ? file : `test/functions/${name}.test.ts`;
}
