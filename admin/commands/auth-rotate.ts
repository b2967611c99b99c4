/** `joinctl auth rotate` */
import {
  type AuthorityStatus,
  ROTATED_AUTHORITIES,
  type RotatedAuthority,
} from '../../shared/protocol/authorities.ts';
import { flagValue, hasFlag } from '../arguments.ts';
import type { Command } from '../command.ts';
import { confirm } from '../confirm.ts';
import { UsageFailure } from '../failure.ts';
import { openSession } from '../session.ts';
import { didYouMean } from '../suggestion.ts';
import { statusText } from './auth.ts';

export const authRotate: Command = {
  words: ['auth', 'rotate'],
  summary: 'make a new key before it is due, or at once in the place of keys that leaked',
  operands: [],
  flags: {
    type: `which key: ${ROTATED_AUTHORITIES.join(', ')}`,
    now: 'the keys leaked: the new one signs at once, and they count for nothing',
    yes: "don't ask",
  },
  examples: ['joinctl auth rotate --type=ssh-user', 'joinctl auth rotate --type=issuing --now'],
  async run(io, args) {
    const type = typeOf(flagValue(args, 'type'));
    const leaked = hasFlag(args, 'now');
    const { client } = await openSession(io, args);
    const before = await client.authorities();
    const numbers = numbersOf(before, type);
    await confirm(io, args, (leaked ? LEAKED : EARLY)[type](numbers.join(', ')));
    const status = await client.rotateAuthority(type, { numbers, ...(leaked && { leaked }) });
    io.stdout.write(statusText(status, io.stdout.columns));
  },
};

function typeOf(given: string | undefined): RotatedAuthority {
  const type = ROTATED_AUTHORITIES.find((known) => known === given);
  if (type) return type;
  const choices = ROTATED_AUTHORITIES.join(', ');
  if (given === undefined) throw new UsageFailure(`Say which key, as --type: ${choices}.`);
  throw new UsageFailure(
    `There is no such key${didYouMean(given, ROTATED_AUTHORITIES)}: --type takes ${choices}.`,
  );
}

/** What the broker compares with the keys that it finds. */
export const numbersOf = ({ keys }: AuthorityStatus, type: RotatedAuthority): number[] =>
  keys
    .filter(({ authority, purpose }) =>
      type === 'issuing' || type === 'tls'
        ? purpose === (type === 'tls' ? 'root' : 'issuing')
        : authority === type,
    )
    .map(({ number }) => number);

type Texts = Readonly<Record<RotatedAuthority, (numbers: string) => string>>;

const EARLY: Texts = {
  tls: (
    numbers,
  ) => `A second root is published from now on beside number ${numbers}, certified by it, and signs in a month. Until the old one retires
(joinctl auth retire), whoever knows only that one believes both. Nobody notices who reads the trust bundle again by then; agents
follow by themselves. Relying parties that were set up by hand need the new root before you retire the old one.
`,
  issuing:
    () => `A new issuing key signs from now on, and travels with the certificates. Who checks revocation lists refuses what it signs until
he has read them again (joinbot does so every few minutes); nobody else notices. Rotation itself leaves three days for that.
`,
  'ssh-user': () => published('ssh-user', 'servers'),
  'ssh-host': () => published('ssh-host', 'clients'),
  probe: () => `The prober gets a new key. Nobody outside notices.
`,
  data: () => `A new data key, wrapped with the newest version of the vault's key, and all keys are encrypted anew under it. Nobody
outside notices. Make a backup afterwards: older ones go on being good only while the vault's older version is there.
`,
};

const published = (
  name: string,
  who: string,
): string => `A new SSH authority ${name} is published from now on, and signs after its publication (a week, unless the settings say
otherwise). Nobody notices who reads the trust bundle again by then. ${who[0]?.toUpperCase()}${who.slice(1)} that were set up by hand need it by then.
`;

const LEAKED: Texts = {
  tls: (
    numbers,
  ) => `Roots that count for nothing from now on: ${numbers}. A new root signs at once. It is certified by none of them.
- EVERY relying party and agent that pinned a root refuses the broker until somebody gives it the new CA pin, by hand:
  machines can't renew, and their certificates are over within the hour.
- Whoever is not told goes on believing the old root, the thief's certificates too, for years: no list helps against that.
- SSH authorities are not touched. Agents can't follow them either until they have the new pin.
`,
  issuing: (
    numbers,
  ) => `Issuing keys that count for nothing from now on: ${numbers}. A new one signs at once.
- Joins and renewals go on. The prober, SSH and the root are not touched.
- Certificates that the old keys signed, the thief's too, are believed until they end, and the issuing certificates themselves
  for up to two weeks, by everybody who doesn't read the root's revocation list.
- Who reads that list refuses certificates of machines that have not renewed yet; who checks lists at all, those that machines get
  from now on until he has read the lists again (joinbot does so every few minutes).
`,
  'ssh-user': (numbers) => sshLeaked('ssh-user', numbers, 'Servers', 'user'),
  'ssh-host': (numbers) => sshLeaked('ssh-host', numbers, 'Clients', 'host'),
  probe: (
    numbers,
  ) => `Keys of the prober that count for nothing from now on: ${numbers}. Nobody outside notices.
`,
  data: (
    numbers,
  ) => `Data keys that encrypt nothing from now on: ${numbers}. Whoever had one and could read the table or a backup has all keys but
those of roots in the vault, so all of these are replaced at once: issuing, ssh-user, ssh-host, probe.
- Servers and clients believe the old SSH keys, the thief's certificates too, until they have read the new trust bundle; those
  that have, refuse certificates of machines that have not renewed yet (joinbot renews at once on SIGUSR1).
- Issuing certificates go on the root's revocation list. Who doesn't read it believes them for up to two weeks.
- Without a vault the root's key was encrypted under it as well: joinctl auth rotate --type=tls --now.
- Whoever could also write to the table may have put keys of his own there: look at joinctl auth status, and see the runbook.
- Backups that were made until now open with the old key: make a new one, and remove them.
`,
};

const sshLeaked = (
  name: string,
  numbers: string,
  who: string,
  kind: string,
): string => `Keys of ${name} that count for nothing from now on: ${numbers}. A new one signs at once, and the trust bundle lists it alone.
- ${who} believe the old keys, the thief's certificates too, until they have read the revocation lists (joinbot does so every few
  minutes) or the new trust bundle: those that joinbot looks after within the hour, others when somebody brings it to them.
- ${who} that have not read it refuse the certificates that machines get from now on; those that have, refuse ${kind}
  certificates of machines that have not renewed yet (joinbot renews at once on SIGUSR1).
`;
