import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyEndText, END_STREAM, frameHeadText, windowUpdateText } from './frames.ts';
import { FrameWriter } from './frame-writer.ts';
import { DEFAULT_HTTP2_OPTIONS } from './options.ts';
import { Tape } from './testing/frames.ts';

const data = (id: number, payload: string, flags: number): string => frameHeadText(payload.length, 0, flags, id) + payload;

/** What a writer that holds its last DATA writes while `act` runs, and what after it. */
function written(act: (writer: FrameWriter) => void): string {
  const tape = new Tape();
  const writer = new FrameWriter(tape, DEFAULT_HTTP2_OPTIONS);
  writer.hold();
  act(writer);
  writer.release();
  writer.release();
  return tape.take().toString('latin1');
}

const piece = (text: string): Uint8Array => Buffer.from(text, 'latin1');

const CASES: readonly (readonly [name: string, act: (writer: FrameWriter) => void, wanted: string])[] = [
  [
    'the end of a body is a flag of its last frame',
    (writer) => {
      writer.data(1, piece('a'), true);
      writer.data(1, piece('b'), true);
      writer.end(1);
    },
    data(1, 'a', 0) + data(1, 'b', END_STREAM),
  ],
  [
    'the end of another stream is not',
    (writer) => {
      writer.data(1, piece('a'), true);
      writer.end(3);
    },
    data(1, 'a', 0) + emptyEndText(3),
  ],
  [
    'nor is one that comes after another frame',
    (writer) => {
      writer.data(1, piece('a'), true);
      writer.text(windowUpdateText(1, 5));
      writer.end(1);
    },
    data(1, 'a', 0) + windowUpdateText(1, 5) + emptyEndText(1),
  ],
  [
    'a large piece is not held',
    (writer) => {
      writer.data(1, piece('x'.repeat(4000)), true);
      writer.end(1);
    },
    data(1, 'x'.repeat(4000), 0) + emptyEndText(1),
  ],
  ['what nothing follows is written at the end of the turn', (writer) => writer.data(1, piece('a'), true), data(1, 'a', 0)],
];

for (const [name, act, wanted] of CASES) test(name, () => assert.equal(written(act), wanted));
