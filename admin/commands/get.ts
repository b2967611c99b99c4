/** `joinctl get <kind>[/name][,…]` */
import type { Resource } from '../../shared/protocol/resource.ts';
import type { BrokerClient } from '../broker-client.ts';
import type { Command } from '../command.ts';
import { Failure } from '../failure.ts';
import { display, parseSelection, type ResourceReference } from '../kinds.ts';
import { formatOf, printResource, printResources } from '../resource-output.ts';
import { openSession } from '../session.ts';
import { isNodes, showNodes } from './nodes-show.ts';

export const get: Command = {
  words: ['get'],
  summary:
    'show resources, whose YAML can be created again, or nodes; as JSON one that is named is an object, all else a list',
  operands: ['<kind>[/<name>][,…] …'],
  flags: { format: 'how to show them (yaml)' },
  examples: [
    'joinctl get roles --format=text',
    'joinctl get roles/access > access.yaml',
    'joinctl get bots,tokens',
    'joinctl get bot/example token/example-bot -o json',
    'joinctl get all > backup.yaml',
    'joinctl get nodes --format=text',
  ],
  async run(io, args) {
    const format = formatOf(args, 'yaml');
    const [asked = '', ...more] = args.operands;
    if (isNodes(asked) && more.length === 0)
      return showNodes(io, format, await openSession(io, args), asked);
    const selection = args.operands.flatMap(parseSelection);
    const { client } = await openSession(io, args);
    const [first] = selection;
    if (selection.length === 1 && typeof first === 'object') {
      return printResource(io, format, await one(client, first));
    }
    const resources: Resource[] = [];
    for (const part of selection) {
      if (typeof part === 'string') resources.push(...(await client.list(part)));
      else resources.push(await one(client, part));
    }
    const kinds = selection.map((part) => (typeof part === 'string' ? part : part.kind));
    printResources(io, format, [...new Set(kinds)], resources);
  },
};

async function one(client: BrokerClient, reference: ResourceReference): Promise<Resource> {
  const stored = await client.get(reference.kind, reference.name);
  if (!stored) throw new Failure(`${display(reference)} does not exist.`);
  return stored.resource;
}
