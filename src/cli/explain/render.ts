/** An explanation for people: a line a decision, with what was not chosen below it. */
import type { Asked } from './asked.ts';
import { percent } from './chance.ts';
import { type Explanation, outcomes, type Side, type Source, type Step, type Verdict } from './explanation.ts';

const INDENT = '  ';
const KIND_WIDTH = 13;
const SIDES: Readonly<Record<Side, string>> = { client: "the client's side", gateway: 'the gateway', server: "the server's side" };

function sourceText({ kind, namespace, name, file, line }: Source): string {
  const what = kind === '' ? '' : `${kind} ${namespace}/${name}, `;
  return `  [${what}${file}:${line}]`;
}

function withSource(text: string, source: Source | undefined): string {
  return source === undefined ? text : `${text}${sourceText(source)}`;
}

function stepLines(step: Step, indent: string): string[] {
  const notes = step.notes.map(({ text, source }) => `${indent}${' '.repeat(KIND_WIDTH)}  - ${withSource(text, source)}`);
  return [`${indent}${step.kind.padEnd(KIND_WIDTH)}${withSource(step.text, step.source)}`, ...notes];
}

function verdictLine({ text, source }: Verdict, indent: string): string {
  return `${indent}=> ${withSource(text, source)}`;
}

function lines({ steps, verdict, branches = [] }: Explanation, indent: string, before: Side | undefined): string[] {
  let side = before;
  const told = steps.flatMap((step) => {
    const head = step.side === side ? [] : [`${indent}${SIDES[step.side]}`];
    side = step.side;
    return [...head, ...stepLines(step, indent + INDENT)];
  });
  const end = verdict === undefined ? [] : [verdictLine(verdict, indent)];
  const forks = branches.flatMap(({ share, when, explanation }) => [
    `${indent}${percent(share)}: ${when}`,
    ...lines(explanation, indent + INDENT, side),
  ]);
  return [...told, ...end, ...forks];
}

function askedLine({ from, via, to, method, headers }: Asked): string {
  const who =
    from === undefined
      ? `from outside, through ${via?.name ?? 'a gateway'}`
      : from === 'outside'
        ? 'from outside, without a proxy'
        : `from ${from.namespace === undefined ? '' : `${from.namespace}/`}${from.name}`;
  const port = to.port === undefined ? '' : `:${to.port}`;
  const fields = headers.map(([name, value]) => ` -H ${name}:${value}`).join('');
  const isBytes = to.scheme === 'tcp' || to.scheme === 'https';
  return isBytes && from !== undefined
    ? `${to.scheme}://${to.host}${port} ${who}`
    : `${method} ${to.scheme}://${to.host}${port}${to.path}${fields} ${who}`;
}

/** What every end comes to, where there are several; equal ends are one line. */
function summary(explanation: Explanation): string[] {
  const ends = outcomes(explanation);
  if (ends.length < 2) return [];
  const shares = new Map<string, number>();
  for (const { share, verdict } of ends) shares.set(verdict.text, (shares.get(verdict.text) ?? 0) + share);
  return ['', 'in all', ...[...shares].map(([text, share]) => `${INDENT}${percent(share).padEnd(7)}${text}`)];
}

/** The text of `tulle explain`. Ends with a newline. */
export function renderExplanation(asked: Asked, explanation: Explanation): string {
  return `${[askedLine(asked), '', ...lines(explanation, '', undefined), ...summary(explanation)].join('\n')}\n`;
}

/** The value of `-o json`. */
export function explanationJson(asked: Asked, explanation: Explanation): object {
  return { request: { ...asked, from: asked.from ?? null, via: asked.via ?? null }, ...explanation, outcomes: outcomes(explanation) };
}
