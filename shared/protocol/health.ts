/** `GET /healthz` and `GET /readyz`. */
import * as z from 'zod/mini';

export const health = z.object({
  status: z.literal('ok'),
  /** What will fail, in sentences without names: of `/readyz`. */
  warnings: z.optional(z.array(z.string())),
});
