/** The HTTP request that the joiner signed, as text: one exact form (rule 15). Nothing of it is sent as it came. */
import { decodeBase64 } from '../../encoding/base64.ts';
import { MOST_STS_REQUEST, STS_BODY } from '../../protocol/sts.ts';
import { denied } from '../../refusal.ts';

/** Those that are known, and Authorization. */
const MOST_HEADERS = 10;

const REQUEST_LINE = 'POST / HTTP/1.1';
/** Single spaces only and none around, so that the value is its own canonical form. */
const HEADER = /^(?<name>[A-Za-z0-9-]{1,64}): (?<value>[\x21-\x7e]+(?: [\x21-\x7e]+)*)$/;

/** The headers by their names in lower case. Throws a `Refusal` for anything but the exact call. */
export function parseStsMessage(base64: string): ReadonlyMap<string, string> {
  if (base64.length > MOST_STS_REQUEST) {
    throw malformed(`expected at most ${MOST_STS_REQUEST} characters`);
  }
  const bytes = decodeBase64(base64);
  if (!bytes || bytes.length === 0) throw malformed('expected base64');
  // Byte for byte: what is no ASCII fits none of the forms below.
  const text = Buffer.from(bytes).toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) throw malformed('expected an empty line after the headers');
  if (text.slice(end + 4) !== STS_BODY) throw malformed(`expected the body ${STS_BODY}`);

  const [requestLine, ...lines] = text.slice(0, end).split('\r\n');
  if (requestLine !== REQUEST_LINE) throw malformed(`expected the first line ${REQUEST_LINE}`);
  if (lines.length > MOST_HEADERS) throw malformed(`expected at most ${MOST_HEADERS} headers`);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const header = HEADER.exec(line)?.groups;
    if (!header) throw malformed('expected headers of the form "Name: value", one a line');
    const key = `${header['name']}`.toLowerCase();
    if (headers.has(key)) throw malformed(`expected the header ${key} once`);
    headers.set(key, `${header['value']}`);
  }
  if (headers.keys().next().value !== 'host') throw malformed('expected Host as the first header');
  return headers;
}

export const malformed = (expected: string) =>
  denied('sts_request_malformed', `the signed STS request is not of the one form: ${expected}`);
