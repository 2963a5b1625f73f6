/**
 * A line of an access log in text: bytes, in which fields of heads stand as they came (`byte-text.ts`).
 *
 * Once a request, by code that the processor has forgotten since the one before: what counts is how many instructions it
 * is. What seldom changes from one line to the next (the protocol, the status, the host) is put together with the text
 * around it and kept until it does, and so are numbers: the default format is sixteen pieces instead of thirty-one. What
 * most lines are made of is read here, by its kind, because a function for each piece is a call through V8's builtins.
 * Pieces are added one to the other, and become bytes without being joined before.
 */
import type { JsonValue } from '@bufbuild/protobuf';
import { type FieldName, fieldName } from '../../wire/http/headers.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import { bytesOf } from './byte-text.ts';
import { asText, type Command, compilePart, type Extract, type FormatOptions, type FormatPart, isOfField, parseFormat } from './format.ts';
import { type HeadField, headFieldOf } from './format-commands.ts';
import { isoFraction, isoUpToSecond } from './format-time.ts';
import { steadyBits, SteadyValues } from './steady-values.ts';

type WriteLine = (info: StreamInfo) => string;

/** Numbers of one piece whose texts are kept. */
const KEPT_NUMBERS = 64;

/** Texts of numbers, and what follows them. */
class NumberTexts {
  readonly #after: string;
  readonly #values: number[] = [];
  readonly #texts: string[] = [];

  constructor(after: string) {
    this.#after = after;
  }

  of(value: number): string {
    const at = value & (KEPT_NUMBERS - 1);
    if (this.#values[at] !== value) {
      this.#values[at] = value;
      this.#texts[at] = `${value}${this.#after}`;
    }
    return this.#texts[at] ?? '';
  }
}

/** Only text. */
const NONE = 0;
/** A field of a head. */
const FIELD = 1;
/** When the stream began. */
const TIME = 2;
/** What a command says. */
const VALUE = 3;

const NO_NAME = fieldName('');

type Kind = typeof NONE | typeof FIELD | typeof TIME | typeof VALUE;

/** A value, and the text up to the next one. All kinds are of one shape, so that a line reads them without asking for it. */
class Piece {
  readonly kind: Kind;
  readonly isResponse: boolean;
  readonly name: FieldName;
  readonly alternative: HeadField['alternative'];
  upToSecond = isoUpToSecond();
  extract: Extract = () => undefined;
  /** Of `value`: it is bytes as it is. */
  isBytes = false;
  /** Of `value`: with the text that follows, where that is always the same. */
  numbers = new NumberTexts('');
  /** What follows, as it is now. */
  text = '';
  /** The values that it is made of; 0 where it is always the same. */
  bits = 0;
  writeText: WriteLine = () => '';
  /** The next piece of the line. */
  next: Piece | undefined = undefined;

  constructor(kind: Kind, field?: HeadField) {
    this.kind = kind;
    this.isResponse = field?.isResponse ?? false;
    this.name = field?.name ?? NO_NAME;
    this.alternative = field?.alternative;
  }
}

/** A command's value as bytes. */
function asBytes(value: JsonValue | undefined, isBytes: boolean, missing: string): string {
  const text = asText(value, missing);
  return isBytes ? text : bytesOf(text);
}

function isTime({ name, argument, maxLength }: Command): boolean {
  return name === 'START_TIME' && argument === '' && maxLength === undefined;
}

/** A value that changes from line to line. */
function pieceOf(command: Command, path: string): Piece {
  const extract = compilePart(command, path);
  const field = command.maxLength === undefined ? headFieldOf(command) : undefined;
  const piece = new Piece(isTime(command) ? TIME : field === undefined ? VALUE : FIELD, field);
  piece.extract = extract;
  piece.isBytes = isOfField(command);
  return piece;
}

/** Has a piece be followed by texts, and values that seldom change. */
function follow(piece: Piece, parts: readonly FormatPart[], path: string, missing: string): void {
  const writers = parts.map((part): WriteLine => {
    if (typeof part === 'string') {
      const text = bytesOf(part);
      return () => text;
    }
    piece.bits |= steadyBits(part);
    const extract = compilePart(part, path);
    return (info) => asBytes(extract(info), isOfField(part), missing);
  });
  piece.writeText = (info) => writers.map((write) => write(info)).join('');
  if (piece.bits === 0) piece.numbers = new NumberTexts(bytesOf(parts.filter((part) => typeof part === 'string').join('')));
}

function compilePieces(format: string, path: string, missing: string): readonly [Piece, ...Piece[]] {
  let piece = new Piece(NONE);
  const pieces: [Piece, ...Piece[]] = [piece];
  let run: FormatPart[] = [];
  for (const part of parseFormat(format, path)) {
    if (typeof part === 'string' || steadyBits(part) !== 0) run.push(part);
    else {
      follow(piece, run, path, missing);
      run = [];
      piece.next = pieceOf(part, path);
      piece = piece.next;
      pieces.push(piece);
    }
  }
  follow(piece, run, path, missing);
  return pieces;
}

/** Prepares a format of lines: each character that it gives is a byte. `path` is the field it came from, for errors. */
export function compileLine(format: string, path: string, options: FormatOptions = {}): WriteLine {
  const missing = options.missing ?? '-';
  const pieces = compilePieces(format, path, missing);
  const values = new SteadyValues(pieces.reduce((bits, piece) => bits | piece.bits, 0));
  let isFirst = true;
  const renew = (info: StreamInfo, changed: number): void => {
    for (const piece of pieces) if (isFirst || (piece.bits & changed) !== 0) piece.text = piece.writeText(info);
    isFirst = false;
  };
  const [first] = pieces;
  return (info) => {
    const changed = values.update(info);
    if (changed !== 0 || isFirst) renew(info, changed);
    let line = '';
    for (let piece: Piece | undefined = first; piece !== undefined; piece = piece.next) {
      switch (piece.kind) {
        case NONE:
          break;
        case FIELD: {
          const head = piece.isResponse ? info.response : info.request;
          const value = head === undefined ? undefined : head.headers.get(piece.name);
          const { alternative } = piece;
          line += (alternative === undefined || value ? value : alternative(info)) ?? missing;
          break;
        }
        case TIME:
          line += piece.upToSecond(info.startWallMs);
          line += isoFraction(info.startWallMs);
          break;
        case VALUE: {
          const value = piece.extract(info);
          if (typeof value === 'number') {
            line += piece.numbers.of(value);
            if (piece.bits === 0) continue;
          } else line += asBytes(value, piece.isBytes, missing);
        }
      }
      line += piece.text;
    }
    return line;
  };
}
