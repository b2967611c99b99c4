/** An SSH principal (rule 11): no commas, spaces or wildcards, never empty. */
export const isPrincipal = (text: string): boolean => /^[A-Za-z0-9._@-]{1,255}$/.test(text);
