/** `POST /v1/heartbeat`: what an agent says of itself and its machine. All of it is claimed, none of it is proved. */
import { Buffer } from 'node:buffer';
import * as z from 'zod/mini';
import { guid, timestamp } from './values.ts';

const text = (most: number) => z.string().check(z.minLength(1), z.maxLength(most));

/** A directory that the agent writes. */
const writtenOutput = z.strictObject({
  directory: text(256),
  /** `written`: it has the newest certificates. */
  state: z.enum(['written', 'failed']),
  expires: timestamp,
});

/** What stands in `heartbeat`. */
export const heartbeat = z.strictObject({
  instance: z.strictObject({ id: guid, generation: z.int().check(z.positive()) }),
  /** The agent's clock. */
  time: timestamp,
  version: text(64),
  host: text(253),
  os: text(200),
  uptime_seconds: z.int().check(z.minimum(0)),
  outputs: z.array(writtenOutput).check(z.maxLength(17)),
});
export type Heartbeat = z.infer<typeof heartbeat>;

export const heartbeatBody = z.strictObject({
  /** The JSON text of a `Heartbeat`: the proof is made over its bytes. */
  heartbeat: z.string().check(z.maxLength(16_384)),
  /** Base64 of DER: the instance's certificate, and the one that issued it. */
  certificates: z.tuple([z.string().check(z.maxLength(8192)), z.string().check(z.maxLength(8192))]),
  /** Base64: the signature over `heartbeatMessage` with the instance key, as for a renewal. */
  proof: z.string().check(z.maxLength(1024)),
});
export type HeartbeatBody = z.infer<typeof heartbeatBody>;

/** The bytes that are signed. The first line keeps the signature from meaning anything elsewhere. */
export const heartbeatMessage = (heartbeatText: string): Uint8Array =>
  Buffer.from(`join-broker-heartbeat-v1\n${heartbeatText}`, 'utf8');

/** A heartbeat as operators see it: with the broker's own time of its arrival. */
export const heartbeatRecord = z.object({
  received: timestamp,
  generation: z.int(),
  version: z.string(),
  host: z.string(),
  os: z.string(),
  uptime_seconds: z.int(),
  outputs: z.array(
    z.object({ directory: z.string(), state: z.enum(['written', 'failed']), expires: timestamp }),
  ),
});
export type HeartbeatRecord = z.infer<typeof heartbeatRecord>;
