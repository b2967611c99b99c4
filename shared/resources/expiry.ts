/** When a resource is over. Apart from the schemas, which no join needs. */
import { parseTimestamp } from '../protocol/values.ts';
import type { AnyResource } from './resource.ts';

/** Whether a resource's `metadata.expires` has passed. */
export function isExpired({ metadata }: AnyResource, at: Date): boolean {
  return metadata.expires !== undefined && (parseTimestamp(metadata.expires) ?? at) <= at;
}
