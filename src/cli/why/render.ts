/** A diagnosis as text and as JSON. */
import { formatTime } from '../flows/columns.ts';
import type { Diagnosis } from './diagnose.ts';
import type { Hop } from './hop.ts';

const BOLD = '\u001B[1m';
const PLAIN = '\u001B[22m';

/** By the clock here, as `tulle flows` tells it; access logs have UTC. */
function clock(startMs: number): string {
  return Number.isNaN(startMs) ? '-' : formatTime(startMs);
}

function said({ status, grpcStatus, flags, details }: Hop): string {
  const answer = grpcStatus > 0 ? `gRPC ${grpcStatus}` : status === 0 ? '-' : String(status);
  return [answer, ...flags, details].filter((text) => text !== '').join(' ');
}

function line(hop: Hop): string {
  const took = Number.isNaN(hop.durationMs) ? '' : ` in ${Math.round(hop.durationMs)} ms`;
  const to = hop.host === '' ? '' : ` -> ${hop.host}`;
  return `  ${clock(hop.startMs)}  ${hop.proxy || 'the line'} (${hop.side})  ${hop.what}: ${said(hop)}${to}${took}`;
}

/** Pieces of a word of at most `width` characters; details of Envoy's have no blanks (`upstream_reset_before_response_started{…}`). */
function pieces(word: string, width: number): string[] {
  if (word.length <= width) return [word];
  const fitting = word.slice(0, width);
  // after a mark that names are joined by, where there is one
  const joint = fitting.search(/[_,:{|=-][^_,:{|=-]*$/) + 1;
  const end = joint > width / 2 ? joint : width;
  return [word.slice(0, end), ...pieces(word.slice(end), width)];
}

/** Breaks a paragraph into lines of at most `width` characters; those after the first begin with `indent`. */
function wrap(text: string, width: number, indent = ''): string {
  const lines: string[] = [];
  let line = '';
  for (const [, blanks = '', word = ''] of text.matchAll(/( *)([^ ]+)/g))
    for (const [i, piece] of pieces(word, width - indent.length).entries()) {
      const next = i === 0 ? `${blanks}${piece}` : piece;
      if (line !== '' && (i > 0 || line.length + next.length > width)) {
        lines.push(line);
        line = `${indent}${piece}`;
      } else line += next;
    }
  return [...lines, line].join('\n');
}

/** The text for a terminal of `columns`, paragraphs in lines of at most `width`. Ends with a newline. */
export function renderDiagnosis({ paragraph, mend, evidence }: Diagnosis, width: number, hasColours: boolean, columns: number): string {
  const text = wrap(paragraph, width);
  const lines = [
    hasColours ? `${BOLD}${text}${PLAIN}` : text,
    ...(mend === undefined ? [] : ['', wrap(`Look at: ${mend}.`, width)]),
    '',
    'What proxies said:',
    ...evidence.map((hop) => wrap(line(hop), columns, '      ')),
  ];
  return `${lines.join('\n')}\n`;
}
