/** The files that all of tbot's outputs for other services begin with. */
import type { FileSet } from '../file-set.ts';
import { pkcs8Pem } from './key-text.ts';
import type { Material } from './output.ts';

export const TOOL_FILES = ['key', 'tlscert', 'tlscacerts'];

export const toolFiles = ({ certificate, trust }: Material): FileSet =>
  new Map([
    ['key', pkcs8Pem(certificate)],
    ['tlscert', certificate.tls],
    ['tlscacerts', trust.tls.roots],
  ]);
