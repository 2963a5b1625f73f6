/** A client that writes bytes as they are, and reads answers without forgiving anything. */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import type { Answer, Talk, Target } from './case.ts';
import { takeBody } from './h1-body.ts';

export interface Script {
  /** Pieces that are written one after the other; between two of them an answer (or an interim one) is awaited. */
  readonly pieces: readonly string[];
  /** How many answers are awaited after the last piece, interim ones too. */
  readonly answers: number;
  /** The requests are HEAD: their answers have no body. */
  readonly isHead: boolean;
  /** The client ends its side at the first bytes of an answer. */
  readonly endsAfter: boolean;
}

/** A request that any listener answers, to see whether a connection still takes one. */
const PROBE = 'GET /probe HTTP/1.1\r\nhost: probe\r\nx-case: probe\r\n\r\n';

const PATIENCE_MS = 60_000;

class Reader {
  #text = '';
  #isOver = false;
  #wake: (() => void) | undefined = undefined;
  constructor(socket: net.Socket) {
    socket.on('data', (bytes: Buffer) => {
      this.#text += bytes.toString('latin1');
      this.#wake?.();
    });
    const end = (): void => {
      this.#isOver = true;
      this.#wake?.();
    };
    socket.on('end', end);
    socket.on('error', end);
    socket.on('close', end);
    socket.setTimeout(PATIENCE_MS, () => socket.destroy());
  }

  async #more(): Promise<boolean> {
    if (this.#isOver) return false;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    return true;
  }

  /** The next response; undefined where the connection ends without one. */
  async next(isHead: boolean): Promise<Answer | undefined> {
    for (;;) {
      const answer = this.#take(isHead);
      if (answer !== undefined) return answer;
      if (await this.#more()) continue;
      return this.#take(isHead) ?? this.#rest();
    }
  }

  #head(): { line: string; fields: string[]; after: string } | undefined {
    const end = this.#text.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const [line = '', ...fields] = this.#text.slice(0, end).split('\r\n');
    return { line, fields, after: this.#text.slice(end + 4) };
  }

  #take(isHead: boolean): Answer | undefined {
    const head = this.#head();
    if (head === undefined) return undefined;
    const { line, fields, after } = head;
    const status = Number(line.split(' ')[1]);
    const isBodiless = isHead || status < 200 || status === 204 || status === 304;
    const isUnframed = !fields.some((field) => /^(content-length|transfer-encoding):/i.test(field));
    if (!isBodiless && isUnframed) return undefined;
    const framed = isBodiless ? { body: '', trailers: [], rest: after } : takeBody(fields, after);
    if (framed === undefined) return undefined;
    this.#text = framed.rest;
    return { line, fields, body: framed.body, trailers: framed.trailers, isWhole: true };
  }

  /** What there is when the connection has ended: a body without a length, or a piece of a response. */
  #rest(): Answer | undefined {
    const head = this.#head();
    if (head === undefined) return undefined;
    this.#text = '';
    const isFramed = head.fields.some((field) => /^(content-length|transfer-encoding):/i.test(field));
    return { line: head.line, fields: head.fields, body: head.after, trailers: [], isWhole: !isFramed };
  }

  /** What came outside of any response, as after an upgrade. */
  async echo(length: number): Promise<string> {
    while (this.#text.length < length && (await this.#more()));
    const text = this.#text;
    this.#text = '';
    return text;
  }
}

/** Sends what comes before TLS and HTTP. */
async function introduce(socket: net.Socket, preface: readonly Buffer[]): Promise<void> {
  const isOnlyOne = preface.length === 1;
  for (const piece of preface) {
    socket.write(piece);
    // the reader must be there when a refusal comes
    if (!isOnlyOne) await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Connects to `target`, by TLS where it speaks that. */
export async function connect({ port, preface = [], tls: secret }: Target, protocols: readonly string[]): Promise<net.Socket> {
  const raw = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  await once(raw, 'connect');
  await introduce(raw, preface);
  if (secret === undefined) return raw;
  const socket = tls.connect({
    socket: raw,
    servername: 'any.test',
    ca: secret.root,
    cert: secret.certificateChain,
    key: secret.privateKey,
    ALPNProtocols: [...protocols],
  });
  await once(socket, 'secureConnect');
  return socket;
}

/** Says what `script` has to say to `target` on loopback. */
export async function talk(target: Target, script: Script): Promise<Talk> {
  const socket = await connect(target, ['http/1.1']);
  const { localPort = 0 } = socket;
  const reader = new Reader(socket);
  const answers: Answer[] = [];
  const accepted = script.pieces[0]?.startsWith('CONNECT ') === true ? ' 200 ' : ' 101 ';
  const isTunnel = (): boolean => answers.some(({ line }) => line.includes(accepted));
  for (const [index, piece] of script.pieces.entries()) {
    const isLast = index === script.pieces.length - 1;
    socket.write(piece, 'latin1');
    if (isTunnel()) {
      const body = await reader.echo(piece.length);
      answers.push({ line: 'echo', fields: [], body, trailers: [], isWhole: true });
      continue;
    }
    for (let left = isLast ? script.answers : 1; left > 0; left--) {
      const answer = await reader.next(script.isHead);
      if (answer !== undefined) answers.push(answer);
    }
  }
  if (script.endsAfter) {
    await reader.echo(1);
    socket.end();
  }
  let connection: Talk['connection'] = 'closed';
  if (!isTunnel()) {
    if (!script.endsAfter) socket.write(PROBE);
    if ((await reader.next(false)) !== undefined) connection = 'kept';
  }
  socket.destroy();
  return { answers, connection, port: localPort };
}
