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

/** Breaks a paragraph into lines of at most `width` characters. */
function wrap(text: string, width: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length >= width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}

/** The text for a terminal. Ends with a newline. */
export function renderDiagnosis({ paragraph, mend, evidence }: Diagnosis, width: number, hasColours: boolean): string {
  const text = wrap(paragraph, width);
  const lines = [
    hasColours ? `${BOLD}${text}${PLAIN}` : text,
    ...(mend === undefined ? [] : ['', wrap(`Look at: ${mend}.`, width)]),
    '',
    'What proxies said:',
    ...evidence.map(line),
  ];
  return `${lines.join('\n')}\n`;
}
