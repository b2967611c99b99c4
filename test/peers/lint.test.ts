/**
 * Everything that the broker issues, linted by zlint and pkilint (`pip install --target <folder> pkilint==0.13.3`, and
 * `PYTHONPATH=<folder>`). The rules of RFC 5280 hold without exception; what else they know are rules for the public web, and
 * each of those that we don't follow is here with its reason.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { openGenuineKeys } from '../../shared/authority/genuine-keys.ts';
import { replaceAuthority } from '../../shared/authority/replace-authority.ts';
import { randomSerialNumber } from '../../shared/authority/tls-certificate.ts';
import { encodeBase64 } from '../../shared/encoding/base64.ts';
import { decodePem } from '../../shared/encoding/pem.ts';
import type { TrustBundle } from '../../shared/protocol/trust.ts';
import { HOST, hostScene } from '../broker/host-scene.ts';
import { chainOf, join } from '../broker/joiner.ts';
import type { TestBrokerOptions } from '../broker/test-broker.ts';
import { createListMakers } from '../shared/authority/list-makers.ts';
import { createScene, NOON } from '../shared/authority/rotation-parts.ts';
import { textOf } from '../shared/run-program.ts';
import { askPeer, hasPeers } from './peers.ts';

const hasPkilint = spawnSync('python3', ['-c', 'import pkilint']).status === 0;
if (!hasPkilint && process.env['CI'])
  throw new Error('pkilint is not installed, but tests need it.');

const WITHOUT: readonly (readonly [why: string, lints: Readonly<Record<string, string>>])[] = [
  [
    'An SVID has its SPIFFE ID as a URI, the root its trust domain (X509-SVID, sections 2 and 3.2)',
    { e_ext_san_uniform_resource_identifier_present: 'bot host root cross' },
  ],
  [
    "A bot's common name is its name, no name of a server: its SVID has none",
    {
      e_dnsname_not_valid_tld: 'bot',
      e_subject_common_name_not_exactly_from_san: 'bot',
      w_subject_common_name_included: 'bot',
    },
  ],
  [
    'The issuing certificate travels along with each leaf, and no address outlives a cluster: nothing is there to be fetched',
    {
      e_sub_cert_aia_missing: 'bot host',
      w_sub_cert_aia_does_not_contain_issuing_ca_url: 'bot host',
      w_sub_ca_aia_missing: 'issuing cross',
      e_sub_ca_crl_distribution_points_missing: 'issuing cross',
    },
  ],
  [
    'Policies say by which public practice a certificate was issued: there is none, and who pins the root asks for none',
    {
      e_sub_cert_cert_policy_empty: 'bot host',
      e_sub_cert_certificate_policies_missing: 'bot host',
      e_invalid_ca_certificate_policies: 'issuing cross',
      e_sub_ca_certificate_policies_missing: 'issuing cross',
    },
  ],
  [
    'Public authorities name the company and the country that they were audited as',
    {
      e_ca_country_name_missing: 'issuing root cross',
      e_ca_organization_name_missing: 'issuing root cross',
    },
  ],
  [
    'RFC 5280 recommends the identifier (section 4.2.1.2); the public web would like to do without its bytes',
    { w_ext_subject_key_identifier_not_recommended_subscriber: 'bot host' },
  ],
  [
    'The root limits its own depth, so that an issuing key that leaked can make no authority below it',
    { w_root_ca_basic_constraints_path_len_constraint_field_present: 'root' },
  ],
  [
    "The root's list is one of authorities, which are revoked as such; the lint knows the reasons for leaves",
    { e_cab_crl_has_valid_reason_code: 'root list' },
  ],
  ['The root signs no OCSP answers', { n_ca_digital_signature_not_set: 'root cross' }],
  [
    'An extended key usage in an authority would limit its leaves, which say themselves what they are for',
    { n_mp_allowed_eku: 'issuing cross', n_sub_ca_eku_missing: 'issuing cross' },
  ],
  [
    'Transparency logs are for certificates of the public web; ours say which machines there are',
    { n_ct_sct_policy_count_unsatisfied: 'bot host' },
  ],
];

const PKILINT_WITHOUT = [
  // Its check of a URI knows nine schemes (those of the package `validators`), and `spiffe` is not among them.
  ...['bot', 'host', 'root', 'cross'].map((of) => `${of}: pkix.invalid_uri_syntax`),
];

interface Finding {
  readonly of: string;
  readonly lint: string;
  readonly source?: string;
}

/** In base64, by name; `mark` stands behind each. */
async function certificatesOf(
  mark: string,
  settings: TestBrokerOptions['settings'] = {},
): Promise<Record<string, string>> {
  const { api, vm, machine } = await hostScene(undefined, { settings });
  const [bot, issuing] = chainOf(await join(api, vm));
  const [host] = chainOf(await join(api, machine('web'), HOST));
  const { tls } = (await api.request('GET', '/v1/trust')).body as TrustBundle;
  const [root] = decodePem('CERTIFICATE', tls.roots) ?? [];
  return Object.fromEntries(
    Object.entries({ bot, host, issuing, root }).map(([name, der]) => [
      `${name}${mark}`,
      encodeBase64(der ?? Buffer.of()),
    ]),
  );
}

/** A root, and its certificate of its successor. */
async function crossCertificate(): Promise<Record<string, string>> {
  const { parts } = await createScene();
  await replaceAuthority(parts, 'tls', { leaked: false, numbers: [1] }, NOON);
  const keys = (await openGenuineKeys(await parts.store.list(), parts, NOON))?.keys ?? [];
  const [old, successor] = keys.filter(({ purpose }) => purpose === 'root');
  return {
    older: encodeBase64(old?.certificate ?? Buffer.of()),
    cross: encodeBase64(successor?.cross?.certificate ?? Buffer.of()),
  };
}

/** Those that say where the lists are. */
const POINTING = '+';
const address = { JOIN_BROKER_CRL_ADDRESS: 'http://crl.example.org/v1/trust' };
const question = {
  certificates: {
    ...(await certificatesOf('')),
    ...(await certificatesOf(POINTING, address)),
    ...(await crossCertificate()),
  },
  chains: [
    ...['', POINTING].flatMap((mark) => [
      [`root${mark}`, `issuing${mark}`],
      [`issuing${mark}`, `bot${mark}`],
      [`issuing${mark}`, `host${mark}`],
    ]),
    ['older', 'cross'],
  ],
  lists: await revocationLists(),
};
/** What is found of them as well; but where a list is missing, they don't say so. */
const pointingToo = (found: readonly string[]): string[] => [
  ...found,
  ...found
    .filter(
      (one) => !/^(.* list|cross): /.test(one) && !one.endsWith('crl_distribution_points_missing'),
    )
    .map((one) => one.replace(':', `${POINTING}:`)),
];
/** Lists of both authorities, with a certificate on them and without. */
async function revocationLists(): Promise<Record<string, string>> {
  const { issuingCrl, rootCrl } = await createListMakers();
  const one = { serialNumber: randomSerialNumber(), revoked: NOON };
  const lists = {
    'issuing list': await issuingCrl({ revoked: [one] }),
    'issuing list, empty': await issuingCrl(),
    'root list': await rootCrl({ revoked: [{ ...one, reason: 'cACompromise' }] }),
    'root list, empty': await rootCrl(),
  };
  return Object.fromEntries(Object.entries(lists).map(([name, der]) => [name, encodeBase64(der)]));
}
/** The older root is one like the other, and there to sign. */
const withoutOlder = (found: readonly Finding[]): Finding[] =>
  found.filter(({ of }) => of !== 'older');
const named = ({ of, lint }: Finding): string => `${of}: ${lint}`;

describe.skipIf(!hasPeers)('zlint', () => {
  const { applied, findings } = hasPeers
    ? (askPeer('zlint', question) as { applied: number; findings: Finding[] })
    : { applied: 0, findings: [] };

  test('has many lints for each of them', () => {
    expect(applied).toBeGreaterThan(400);
  });

  test('finds nothing by RFC 5280', () => {
    const ofThePublicWeb = ['CABF_BR', 'Apple', 'Mozilla'];
    expect(findings.filter(({ source = '' }) => !ofThePublicWeb.includes(source))).toEqual([]);
  });

  test('finds nothing else but what has a reason', () => {
    const expected = WITHOUT.flatMap(([, lints]) =>
      Object.entries(lints).flatMap(([lint, kinds]) =>
        kinds.split(/ (?!list)/).map((of) => named({ of, lint })),
      ),
    );
    expect(withoutOlder(findings).map(named).toSorted()).toEqual(pointingToo(expected).toSorted());
  });
});

test.skipIf(!hasPkilint)('pkilint finds nothing else but what has a reason', () => {
  const script = fileURLToPath(new URL('lint_with_pkilint.py', import.meta.url));
  const found = JSON.parse(
    textOf('python3', [script], { stdin: JSON.stringify(question) }),
  ) as Finding[];
  expect(withoutOlder(found).map(named).toSorted()).toEqual(
    pointingToo(PKILINT_WITHOUT).toSorted(),
  );
});
