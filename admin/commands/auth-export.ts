/** `joinctl auth export` */

import type { TrustBundle } from '../../shared/protocol/trust.ts';
import { flagValue } from '../arguments.ts';
import { trustOf } from '../broker-client.ts';
import type { Command } from '../command.ts';
import { UsageFailure } from '../failure.ts';
import { printable } from '../printable.ts';
import { connect } from '../session.ts';

/** What each type prints: what the relying party's own file wants. */
const FORMS: Readonly<Record<string, (bundle: TrustBundle) => string>> = {
  tls: ({ tls }) => lines(tls.roots.trimEnd().split('\n')),
  'ssh-user': ({ ssh }) => lines(ssh.user_ca),
  'ssh-host': ({ ssh }) => lines(ssh.host_ca.map((key) => `@cert-authority * ${key}`)),
};
const TYPES = Object.keys(FORMS).join(', ');

export const authExport: Command = {
  words: ['auth', 'export'],
  summary:
    'print the public authorities: PEM for TLS, keys for TrustedUserCAKeys, lines for known_hosts',
  operands: [],
  flags: { type: `which authority: ${TYPES}` },
  examples: [
    'joinctl auth export --type=ssh-user > /etc/ssh/ssh_user_ca.pub',
    'joinctl auth export --type=tls',
  ],
  async run(io, args) {
    const form = FORMS[flagValue(args, 'type') ?? ''];
    if (!form) throw new UsageFailure(`Say which authority, as --type: ${TYPES}.`);
    const { http, target } = await connect(io, args);
    io.stdout.write(form(await trustOf(http, target.broker)));
  },
};

/** Nothing of it may steer a terminal, and a line is a line. */
const lines = (texts: readonly string[]): string =>
  texts.map((text) => `${printable(text)}\n`).join('');
