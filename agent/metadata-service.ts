/** Azure's Instance Metadata Service (IMDS): the three things that a join needs of it. */
import * as z from 'zod/mini';
import { decodeBase64 } from '../shared/encoding/base64.ts';
import type { Certificate } from '../shared/encoding/certificate.ts';
import { DerError } from '../shared/encoding/der-decode.ts';
import { parseSignedData } from '../shared/encoding/signed-data.ts';
import { parseJsonWith } from '../shared/protocol/schema.ts';
import type { Effects } from './effects.ts';
import { Failure } from './failure.ts';
import { type HttpAnswer, textOf } from './http.ts';
import { explainRefusedToken, isIdentityMissing } from './managed-identity.ts';
import type { AskMetadata } from './metadata-http.ts';
import { printable } from './printable.ts';
import { refuseWhenStopped } from './retry.ts';

interface AttestedDocument {
  /** Base64 of the document, as it travels on to the broker. */
  readonly signature: string;
  readonly nonce: string;
  readonly signer: Certificate;
}

export interface MetadataService {
  /** The VM's resource id; `undefined` if the service doesn't say. */
  resourceId(): Promise<string | undefined>;
  /** A document that Azure signed over this nonce. */
  attestedDocument(nonce: string): Promise<AttestedDocument>;
  /** An access token of the VM's managed identity; the client id picks one of several. */
  accessToken(audience: string, clientId: string | undefined): Promise<string>;
}

/** The service may answer with an older document from its cache: so often is it asked for the right one. */
const TRIES_FOR_NONCE = 5;
const NONCE_WAIT_MS = 1000;

/** An identity that was just assigned takes up to a minute to arrive. */
const WAITS_FOR_IDENTITY_MS = [5000, 10_000, 15_000, 30_000];

const computeAnswer = z.object({ resourceId: z.string().check(z.minLength(1), z.maxLength(1024)) });
const documentAnswer = z.object({ encoding: z.literal('pkcs7'), signature: z.string() });
const documentContent = z.object({ nonce: z.string() });
const tokenAnswer = z.object({ access_token: z.string().check(z.minLength(1)) });

/** `whereAmI` says in one sentence whether this machine looks like an Azure VM: for answers that Azure wouldn't give. */
export function metadataService(
  ask: AskMetadata,
  { clock, log, stop }: Pick<Effects, 'clock' | 'log' | 'stop'>,
  whereAmI: () => Promise<string>,
): MetadataService {
  async function refused(what: string, answer: HttpAnswer): Promise<Failure> {
    const said = printable(textOf(answer));
    const message = `the metadata service did not give ${what}: status ${answer.status}${said && `, ${said}`}. ${await whereAmI()}`;
    return new Failure('metadata', message);
  }

  return {
    async resourceId() {
      const answer = await ask('instance/compute', { 'api-version': '2021-02-01', format: 'json' });
      const compute = parseJsonWith(computeAnswer, textOf(answer));
      if (answer.status === 200 && compute.ok) return compute.value.resourceId;
      log.warn(
        `the metadata service doesn't say which VM this is (status ${answer.status}): the broker has to find out`,
      );
      return undefined;
    },

    async attestedDocument(nonce) {
      for (let tries = 1; tries <= TRIES_FOR_NONCE; tries += 1) {
        const answer = await ask('attested/document', { 'api-version': '2021-02-01', nonce });
        if (answer.status !== 200) throw await refused('the attested document', answer);
        const document = readDocument(textOf(answer));
        if (document.nonce === nonce) return document;
        log.debug('the metadata service answered with an older attested document from its cache');
        if (tries < TRIES_FOR_NONCE) await clock.sleep(NONCE_WAIT_MS * tries, stop);
      }
      const message = `the metadata service answered ${TRIES_FOR_NONCE} times with an attested document for another nonce, an older one from its cache`;
      throw new Failure('metadata', message);
    },

    async accessToken(audience, clientId) {
      const askForToken = () =>
        ask('identity/oauth2/token', {
          'api-version': '2018-02-01',
          resource: audience,
          ...(clientId !== undefined && { client_id: clientId }),
        });
      let answer = await askForToken();
      for (const wait of WAITS_FOR_IDENTITY_MS) {
        if (answer.status !== 400 || !isIdentityMissing(textOf(answer))) break;
        log.warn(
          `the metadata service doesn't know the managed identity (yet); asking again in ${wait / 1000} s`,
        );
        await clock.sleep(wait, stop);
        refuseWhenStopped(stop);
        answer = await askForToken();
      }
      if (answer.status === 400) {
        throw new Failure('metadata', explainRefusedToken(textOf(answer), audience, clientId));
      }
      if (answer.status !== 200) throw await refused('an access token', answer);
      const token = parseJsonWith(tokenAnswer, textOf(answer));
      if (!token.ok) throw notUnderstood('an access token');
      return token.value.access_token;
    },
  };
}

function readDocument(text: string): AttestedDocument {
  const answer = parseJsonWith(documentAnswer, text);
  const der = answer.ok ? decodeBase64(answer.value.signature) : undefined;
  if (!answer.ok || !der) throw notUnderstood('the attested document');
  try {
    const { content, signer } = parseSignedData(der);
    const signed = parseJsonWith(documentContent, Buffer.from(content).toString('utf8'));
    if (!signed.ok) throw notUnderstood('the attested document');
    return { signature: answer.value.signature, nonce: signed.value.nonce, signer };
  } catch (error) {
    if (error instanceof DerError) throw notUnderstood('the attested document', error);
    throw error;
  }
}

function notUnderstood(what: string, cause?: DerError): Failure {
  const why = cause ? ` (${cause.message})` : '';
  const message = `${what} of the metadata service is not of the form that Azure documents${why}`;
  return new Failure('metadata', message);
}
