/** What is wrong with YAML, in plain words. */

const FAULTS: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'this field is given twice',
  MULTIPLE_DOCS: 'expected one document, and a second one begins here',
  TAB_AS_INDENT: 'tabs can not indent; use spaces',
};

/** The sentence for a code of the parser; `undefined` where the parser's own has to do. */
export const yamlFault = (code: string): string | undefined => FAULTS[code];
