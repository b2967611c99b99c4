/** Text from outside on one line: control characters never reach a terminal or a log (rule 15). */
export const printable = (text: string, most = 300): string => {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
  return line.length > most ? `${line.slice(0, most)}…` : line;
};
