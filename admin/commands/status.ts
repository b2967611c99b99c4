/** `joinctl status` and `joinctl version` */

import { formatTimestamp } from '../../shared/protocol/values.ts';
import { VERSION } from '../../shared/protocol/version.ts';
import type { Command } from '../command.ts';
import { printable } from '../printable.ts';
import { formatOf, printOne, toYaml } from '../resource-output.ts';
import { connect, type Session, signInTo } from '../session.ts';

export const status: Command = {
  words: ['status'],
  summary: 'show the cluster, its CA pins and who is signed in',
  operands: [],
  flags: { format: 'how to show it (text)' },
  examples: ['joinctl status'],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const connection = await connect(io, args);
    const { cluster_name, server_version, ca_pins } = await connection.discovery();
    if (format === 'text') {
      const pins = ca_pins.map((pin) => `CA pin ${pin}\n`).join('');
      io.stdout.write(
        `Cluster ${printable(cluster_name)}\nVersion ${printable(server_version)}\n${pins}`,
      );
    }
    const session = await signInTo(io, connection);
    await proveAccess(session);
    const { operator, expires } = session;
    if (format === 'text') {
      return io.stdout.write(`Signed in as ${operator.account} (${operator.roles.join(', ')})\n`);
    }
    const described = {
      cluster: cluster_name,
      version: server_version,
      ca_pins,
      broker: session.target.broker,
      operator: {
        account: operator.account,
        roles: operator.roles,
        until: formatTimestamp(expires),
      },
    };
    printOne(io, format, described, toYaml);
  },
};

export const version: Command = {
  words: ['version'],
  summary: 'show the version of joinctl',
  operands: [],
  flags: {},
  examples: ['joinctl version'],
  async run(io) {
    io.stdout.write(`joinctl ${VERSION}\n`);
  },
};

/** Any request that readers may make shows whether the broker takes the sign-in. */
const proveAccess = ({ client }: Session): Promise<unknown> => client.get('role', 'access');
