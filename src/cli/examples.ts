/** Columns that every terminal has. */
const COLUMNS = 80;
const MARGIN = 2;

/** The examples below a command's help: each a command line and what it is for, beside it, or below it where that is too wide. */
export function examplesText(examples: readonly (readonly [line: string, what: string])[]): string {
  const indent = Math.max(0, ...examples.map(([line]) => line.length)) + 2 * MARGIN;
  const isBeside = examples.every(([, what]) => indent + what.length <= COLUMNS);
  const lines = examples.map(([line, what]) =>
    isBeside ? `${' '.repeat(MARGIN)}${line}`.padEnd(indent) + what : `  ${line}\n      ${what}`,
  );
  return `Examples:\n${lines.join('\n')}`;
}
