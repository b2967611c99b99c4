/** Microsoft's certificate download: `/<name>.crt` answers DER. */
import type { MicrosoftPki } from '../certificates/signing-chain.ts';

export const createPki =
  (pki: MicrosoftPki) =>
  (request: Request, path: string): Response => {
    const der = request.method === 'GET' ? pki.file(fileName(path)) : undefined;
    if (!der)
      return new Response('The resource you are looking for has been removed.', { status: 404 });
    return new Response(Buffer.from(der), {
      headers: { 'content-type': 'application/octet-stream' },
    });
  };

/** The name in the path; empty where it is no valid escape sequence. */
function fileName(path: string): string {
  try {
    return decodeURIComponent(path.slice(1));
  } catch {
    return '';
  }
}
