/** NCRONTAB, the schedules of timer functions: `{second} {minute} {hour} {day} {month} {day of week}`, in UTC. */

/** The first time after `after` that the schedule names. Throws a sentence if it is no schedule, or names no time. */
export function nextOccurrence(schedule: string, after: Date): Date {
  const [seconds, minutes, hours, days, months, weekdays] = parseSchedule(schedule);
  const time = new Date(after);
  time.setUTCMilliseconds(0);
  time.setUTCSeconds(time.getUTCSeconds() + 1);
  // The longest gap there is: from one 29 February to the next that falls on a given day of the week.
  const end = new Date(after).setUTCFullYear(after.getUTCFullYear() + 40);
  while (time.getTime() < end) {
    if (!months.has(time.getUTCMonth() + 1)) {
      time.setUTCMonth(time.getUTCMonth() + 1, 1);
      time.setUTCHours(0, 0, 0);
    } else if (!days.has(time.getUTCDate()) || !weekdays.has(time.getUTCDay())) {
      time.setUTCDate(time.getUTCDate() + 1);
      time.setUTCHours(0, 0, 0);
    } else if (!hours.has(time.getUTCHours())) {
      time.setUTCHours(time.getUTCHours() + 1, 0, 0);
    } else if (!minutes.has(time.getUTCMinutes())) {
      time.setUTCMinutes(time.getUTCMinutes() + 1, 0);
    } else if (!seconds.has(time.getUTCSeconds())) {
      time.setUTCSeconds(time.getUTCSeconds() + 1);
    } else {
      return time;
    }
  }
  throw new Error(`The schedule "${schedule}" names no time.`);
}

interface Field {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  /** Three-letter names of the values, from the least on. */
  readonly names?: readonly string[];
}

const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const WEEKDAYS = 'sun mon tue wed thu fri sat'.split(' ');

const FIELDS: readonly Field[] = [
  { name: 'second', least: 0, most: 59 },
  { name: 'minute', least: 0, most: 59 },
  { name: 'hour', least: 0, most: 23 },
  { name: 'day', least: 1, most: 31 },
  { name: 'month', least: 1, most: 12, names: MONTHS },
  { name: 'day of week', least: 0, most: 6, names: WEEKDAYS },
];

type Values = ReadonlySet<number>;

function parseSchedule(schedule: string): [Values, Values, Values, Values, Values, Values] {
  const texts = schedule.trim().split(/\s+/);
  // Without the field for seconds a schedule names whole minutes.
  if (texts.length === 5) texts.unshift('0');
  if (texts.length !== FIELDS.length) {
    throw new Error(
      `Expected a schedule of six fields such as "0 */5 * * * *", got "${schedule}".`,
    );
  }
  const parsed = FIELDS.map((field, position) => {
    const values = parseField(field, texts[position] ?? '');
    if (!values) throw new Error(`The schedule "${schedule}" has no valid ${field.name}.`);
    return values;
  });
  return parsed as [Values, Values, Values, Values, Values, Values];
}

/** A list of `*`, `5` and `1-5`, each perhaps with a slash and a step behind it. */
function parseField(field: Field, text: string): Values | undefined {
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^(?:(\*)|(\w+)(?:-(\w+))?)(?:\/(\d+))?$/.exec(part);
    if (!match) return undefined;
    const [, all, fromText, toText, stepText] = match;
    const from = all ? field.least : parseValue(field, fromText ?? '');
    const open = all !== undefined || (stepText !== undefined && toText === undefined);
    const to = open ? field.most : parseValue(field, toText ?? fromText ?? '');
    const step = Number(stepText ?? 1);
    if (from === undefined || to === undefined || from > to || step < 1) return undefined;
    for (let value = from; value <= to; value += step) values.add(value);
  }
  return values;
}

function parseValue({ least, most, names = [] }: Field, text: string): number | undefined {
  const named = names.indexOf(text.toLowerCase());
  const value = named >= 0 ? least + named : /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return value >= least && value <= most ? value : undefined;
}
