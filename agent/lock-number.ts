/**
 * Who gets a lock of which each that wants it has a number. Whoever wants it takes the next free number first and looks at
 * the other numbers then: of two, the later one sees the earlier one, so never do both get it. The lower number stays, the
 * higher one gives way.
 */

/** Where the numbers are, as names that whoever has one answers on. */
export interface LockPlace {
  /** All names that are there. */
  names(): Promise<readonly string[]>;
  /** Takes a name: `mine` if it was free. `lost` says that others took this one for somebody who is gone. */
  take(name: string): Promise<'mine' | 'taken' | 'lost'>;
  /** Whether somebody is behind a name. */
  answers(name: string): Promise<boolean>;
  /** A name that isn't there any more is removed, too. */
  remove(name: string): Promise<void>;
  sleep(ms: number): Promise<void>;
}

const NUMBERED = /^joinbot\.lock\.(\d{1,15})$/;
const NEW = /^joinbot\.lock\.new-[0-9a-f]{12}$/;
/** So often may others take the number that was to be the next one. */
const TRIES = 100;
/** So long may one with a higher number take to give way. One that doesn't has the lock. */
const GIVE_WAY_MS = 3000;
const LOOK_EVERY_MS = 10;

/** Gives the name of the lock that was taken; `undefined` where somebody else has it. */
export async function takeLock(place: LockPlace): Promise<string | undefined> {
  const number = await takeNumber(place);
  if (number === undefined) return undefined;
  if (await isAlone(number, place)) {
    await removeLeftovers(place);
    return numbered(number);
  }
  await place.remove(numbered(number));
  return undefined;
}

const numbered = (number: number): string => `joinbot.lock.${number}`;

const numbersIn = async (place: LockPlace): Promise<number[]> =>
  (await place.names()).flatMap((name) => {
    const number = NUMBERED.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });

/** Takes the number after the highest one. `undefined` if that can't be done because of others. */
async function takeNumber(place: LockPlace): Promise<number | undefined> {
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const number = Math.max(0, ...(await numbersIn(place))) + 1;
    const taken = await place.take(numbered(number));
    if (taken === 'mine') return number;
    if (taken === 'lost') return undefined;
  }
  return undefined;
}

/** Whether no other number answers; waits for higher ones to give way. */
async function isAlone(own: number, place: LockPlace): Promise<boolean> {
  for (let waited = 0; waited < GIVE_WAY_MS; waited += LOOK_EVERY_MS) {
    const others = (await numbersIn(place)).filter((number) => number !== own);
    const alive: number[] = [];
    for (const number of others) if (await place.answers(numbered(number))) alive.push(number);
    if (alive.length === 0) return true;
    if (Math.min(...alive) < own) return false;
    await place.sleep(LOOK_EVERY_MS);
  }
  return false;
}

/** Names of processes that died. Only the holder clears up: nobody else can come to hold one of them meanwhile. */
async function removeLeftovers(place: LockPlace): Promise<void> {
  const locks = (await place.names()).filter((name) => NUMBERED.test(name) || NEW.test(name));
  for (const name of locks) if (!(await place.answers(name))) await place.remove(name);
}
