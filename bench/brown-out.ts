/**
 * Prints what retries make of the load in a brown-out, without a budget and with two kinds of it, as a table in Markdown:
 * `node bench/brown-out.ts`. A simulation: the same on every machine.
 */
import { BUDGETS, runBrownOuts } from '../src/proxy/router/testing/brown-outs.ts';

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

console.log(row(['load', 'trouble', ...BUDGETS.map(([name]) => name)]));
console.log(row(['---', '---', ...BUDGETS.map(() => '---')]));
for (const { load, trouble, results } of runBrownOuts()) {
  const cells = results.map(({ amplification, succeeded }) => `${amplification.toFixed(2)}x, ${Math.round(100 * succeeded)} %`);
  console.log(row([load, trouble, ...cells]));
}
