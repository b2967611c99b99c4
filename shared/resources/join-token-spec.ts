/** What a join token says for its join method. Apart from the schema, which no join needs. */
import type { JoinToken } from './join-token.ts';

type JoinTokenSpec = JoinToken['spec'];

/** What a join token says for its join method. */
export function specOf<M extends JoinTokenSpec['join_method']>(
  { metadata, spec }: JoinToken,
  method: M,
): Extract<JoinTokenSpec, { join_method: M }> {
  if (isOfMethod(spec, method)) return spec;
  throw new Error(`join token ${metadata.name} is for join method ${spec.join_method}`);
}

const isOfMethod = <M extends JoinTokenSpec['join_method']>(
  spec: JoinTokenSpec,
  method: M,
): spec is Extract<JoinTokenSpec, { join_method: M }> => spec.join_method === method;
