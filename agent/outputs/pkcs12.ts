/**
 * Key stores of PKCS#12 (RFC 7292), as the JVM reads them: one with the key and its chain, one with the authorities to trust.
 * Encrypted with AES-256 (PBES2, RFC 8018), which Java reads since 8u301 and OpenSSL since 1.1.
 */
import { randomBytes, webcrypto } from 'node:crypto';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import { decodePem } from '../../shared/encoding/pem.ts';
import { pkcs8Der } from './key-text.ts';
import type { Material } from './output.ts';
import { type Pkcs12Options, passwordOf } from './pkcs12-fields.ts';

const DEFAULT_ALIAS = 'joinbot';

/** As many as OpenSSL takes for both. The password of a file that lies beside programs which read it is no secret to guess. */
const ITERATIONS = 2048;
const ENCRYPTION = {
  contentEncryptionAlgorithm: { name: 'AES-CBC', length: 256 },
  hmacHashAlgorithm: 'SHA-256',
  iterationCount: ITERATIONS,
};

const FRIENDLY_NAME = '1.2.840.113549.1.9.20';
const LOCAL_KEY_ID = '1.2.840.113549.1.9.21';
/** Java takes no certificate of a PKCS#12 file for an authority to trust without this attribute of Oracle's. */
const TRUSTED_KEY_USAGE = '2.16.840.1.113894.746875.1.1';
const ANY_EXTENDED_KEY_USAGE = '2.5.29.37.0';
const SHROUDED_KEY_BAG = '1.2.840.113549.1.12.10.1.2';
const CERTIFICATE_BAG = '1.2.840.113549.1.12.10.1.3';

const crypto = new pkijs.CryptoEngine({ name: 'node', crypto: webcrypto as never });

/** `keystore.p12` and `truststore.p12`. */
export async function keyStores(
  material: Material,
  options: Pkcs12Options,
): Promise<readonly (readonly [name: string, contents: Uint8Array])[]> {
  const { alias = DEFAULT_ALIAS } = options;
  const password = await passwordOf(options);
  return [
    ['keystore.p12', await keyStore(material, password, alias)],
    ['truststore.p12', await trustStore(material, password)],
  ];
}

function keyStore({ certificate }: Material, password: string, alias: string): Promise<Uint8Array> {
  const id = randomBytes(8);
  const key = new pkijs.PKCS8ShroudedKeyBag({
    parsedValue: pkijs.PrivateKeyInfo.fromBER(exactly(pkcs8Der(certificate))),
  });
  const chain = decodePem('CERTIFICATE', certificate.tls) ?? [];
  return pfx(password, [
    {
      isEncrypted: false,
      bags: [bag(SHROUDED_KEY_BAG, key, [friendlyName(alias), localKeyId(id)])],
      protect: () => key.makeInternalValues({ ...ENCRYPTION, password: bytesOf(password) }, crypto),
    },
    {
      isEncrypted: true,
      bags: chain.map((der, position) =>
        certificateBag(der, position === 0 ? [friendlyName(alias), localKeyId(id)] : []),
      ),
    },
  ]);
}

function trustStore({ trust, owner }: Material, password: string): Promise<Uint8Array> {
  const roots = decodePem('CERTIFICATE', trust.tls.roots) ?? [];
  const bags = roots.map((der, position) =>
    certificateBag(der, [friendlyName(`${owner}-ca-${position + 1}`), trusted()]),
  );
  return pfx(password, [{ isEncrypted: true, bags }]);
}

interface Safe {
  readonly bags: pkijs.SafeBag[];
  readonly isEncrypted: boolean;
  readonly protect?: () => Promise<void>;
}

async function pfx(password: string, safes: readonly Safe[]): Promise<Uint8Array> {
  for (const { protect } of safes) await protect?.();
  const authenticatedSafe = new pkijs.AuthenticatedSafe({
    parsedValue: {
      safeContents: safes.map(({ bags, isEncrypted }) => ({
        privacyMode: isEncrypted ? 1 : 0,
        value: new pkijs.SafeContents({ safeBags: bags }),
      })),
    },
  });
  await authenticatedSafe.makeInternalValues(
    {
      safeContents: safes.map(({ isEncrypted }) =>
        isEncrypted ? { ...ENCRYPTION, password: bytesOf(password) } : {},
      ),
    },
    crypto,
  );
  const whole = new pkijs.PFX({ parsedValue: { integrityMode: 0, authenticatedSafe } });
  await whole.makeInternalValues(
    {
      password: bytesOf(password),
      iterations: ITERATIONS,
      pbkdf2HashAlgorithm: 'SHA-256',
      hmacHashAlgorithm: 'SHA-256',
    },
    crypto,
  );
  return new Uint8Array(whole.toSchema().toBER());
}

const bag = (
  bagId: string,
  bagValue: pkijs.SafeBagParameters['bagValue'],
  attributes: pkijs.Attribute[],
) => new pkijs.SafeBag({ bagId, bagValue, bagAttributes: attributes } as pkijs.SafeBagParameters);

const certificateBag = (der: Uint8Array, attributes: pkijs.Attribute[]): pkijs.SafeBag =>
  bag(
    CERTIFICATE_BAG,
    new pkijs.CertBag({ parsedValue: pkijs.Certificate.fromBER(exactly(der)) }),
    attributes,
  );

const attribute = (type: string, value: asn1js.AsnType) =>
  new pkijs.Attribute({ type, values: [value] });
const friendlyName = (value: string) => attribute(FRIENDLY_NAME, new asn1js.BmpString({ value }));
const localKeyId = (id: Uint8Array) =>
  attribute(LOCAL_KEY_ID, new asn1js.OctetString({ valueHex: exactly(id) }));
const trusted = () =>
  attribute(TRUSTED_KEY_USAGE, new asn1js.ObjectIdentifier({ value: ANY_EXTENDED_KEY_USAGE }));

const bytesOf = (text: string): ArrayBuffer => exactly(Buffer.from(text, 'latin1'));

/** A buffer of these bytes and no others. */
const exactly = (bytes: Uint8Array): ArrayBuffer => new Uint8Array(bytes).buffer;
