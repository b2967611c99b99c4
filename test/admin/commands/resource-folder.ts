/** A terminal in front of a folder of resource files, and what is in it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Resource } from '../../../shared/protocol/resource.ts';
import { type Terminal, type TerminalOptions, terminal } from '../joinctl.ts';
import { BOT, TOKEN } from '../samples.ts';

export const ROLE_YAML = `kind: role
version: v7
metadata:
  name: deploy
spec:
  allow:
    logins: [deploy]
`;
export const OLD_TOKEN: Resource = { ...TOKEN, metadata: { name: 'old-token' } };
export const OLD_BOT: Resource = { ...BOT, metadata: { name: 'old-bot' } };
export const OLD_ROLE: Resource = {
  kind: 'role',
  version: 'v7',
  metadata: { name: 'old-role' },
  spec: { allow: {} },
};

/** A terminal with these files below `resources/`. */
export async function repository(
  files: Readonly<Record<string, string>>,
  options: TerminalOptions = {},
): Promise<Terminal> {
  const shell = await terminal(options);
  for (const [name, text] of Object.entries(files)) {
    const file = join(shell.folder, 'resources', name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  return shell;
}

/** The writes that the broker was asked for: method, resource, condition. */
export const writes = ({ broker }: Terminal): string[] =>
  broker.requests
    .filter(({ method }) => method !== 'GET')
    .map(({ method, url, headers }) => {
      const condition = headers.get('if-match') ?? headers.get('if-none-match') ?? 'always';
      return `${method} ${new URL(url).pathname.replace('/v1/resources/', '')} ${condition}`;
    });
