/**
 * Other people's programs that read what the broker issues: go-spiffe, go-control-plane, zlint and Go's crypto/x509. To have
 * them:
 * `cd test/peers/go && go build -o <a folder on the PATH>/join-broker-peers .`
 */
import { hasProgram } from '../programs.ts';
import { textOf } from '../shared/run-program.ts';

export const hasPeers = hasProgram('join-broker-peers');

/** Asks one of them. Fails with what it says where it refuses. */
export const askPeer = (command: 'crls' | 'spiffe' | 'zlint', question: object): unknown =>
  JSON.parse(textOf('join-broker-peers', [command], { stdin: JSON.stringify(question) }));
