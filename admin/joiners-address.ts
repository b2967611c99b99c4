import type { Session } from './session.ts';

/** Where machines reach the broker: it may be another address than the one that operators ask. */
export const joinersAddress = async ({
  target,
  discovery,
}: Pick<Session, 'target' | 'discovery'>): Promise<string> =>
  (await discovery()).public_url ?? target.broker;
