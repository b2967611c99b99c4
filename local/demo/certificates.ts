/** Independent programs judge the certificates of the demonstration. */
import { type Outcome, runProgram } from '../programs.ts';
import { identityFolder } from './joins.ts';
import { type Demo, prove } from './scene.ts';

export async function checkCertificates(demo: Demo): Promise<void> {
  const { report, signal } = demo;
  report.step('OpenSSL and OpenSSH accept its certificates');
  const cwd = identityFolder(demo);

  const verified = await runProgram('openssl', OPENSSL_VERIFY, { cwd, signal });
  if (verified) {
    prove(
      verified.stdout.trim() === 'tlscert: OK',
      'openssl finds the chain to the root',
      verified,
    );
    shows(demo, 'With only the root pinned, the TLS certificate verifies as a client:', verified);
  } else report.skip('openssl is not installed here: the TLS certificate was not checked');

  const listed = await runProgram('ssh-keygen', ['-L', '-f', 'key-cert.pub'], { cwd, signal });
  if (listed) {
    const principals = ['deploy', 'app'].every((login) =>
      new RegExp(`^\\s+${login}$`, 'm').test(listed.stdout),
    );
    prove(listed.code === 0 && principals, 'ssh-keygen lists the logins deploy and app', listed);
    shows(demo, 'The SSH certificate has the logins of the role and of the bot:', listed);
  } else report.skip('ssh-keygen is not installed here: the SSH certificate was not checked');
}

const OPENSSL_VERIFY = [
  ...['verify', '-purpose', 'sslclient', '-CAfile', 'tlscacerts'],
  ...['-untrusted', 'tlscert', 'tlscert'],
];

function shows({ report }: Demo, what: string, { command, stdout }: Outcome): void {
  report.proof(what);
  report.output(`$ ${command}\n${stdout}`);
}
