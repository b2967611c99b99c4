/** What the check of a resource says of a change to a good one. */
import { type AnyResource, parseResource } from '../../../shared/resources/resource.ts';

/** `field: message` of a refusal; `accepted` where there is none. */
export function refusalOf(good: AnyResource, change: object): string {
  const parsed = parseResource({ ...good, ...change });
  return parsed.ok ? 'accepted' : `${parsed.problem.field}: ${parsed.problem.message}`;
}
