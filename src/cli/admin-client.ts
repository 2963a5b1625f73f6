/** The client of the control plane's and the proxies' admin interfaces: HTTP over a Unix socket. */
import type { IncomingMessage } from 'node:http';
import { request } from 'node:http';
import { CliError } from './errors.ts';
import { isObject, textOf } from './json.ts';
import type { StateDir } from './state-dir.ts';

const TIMEOUT_MS = 10_000;

interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly body?: unknown;
  /** How long to wait for an answer to begin. */
  readonly timeoutMs?: number;
}

function open(socketPath: string, path: string, call: Call): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    const headers = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const outgoing = request({ socketPath, path, method: call.method ?? 'GET', headers, agent: false }, (response) => {
      outgoing.setTimeout(0);
      resolve(response);
    });
    outgoing.setTimeout(call.timeoutMs ?? TIMEOUT_MS, () => outgoing.destroy(new Error(`no answer in ${call.timeoutMs ?? TIMEOUT_MS} ms`)));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

async function text(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

/** Status and body of one call; rejects where nobody answers. */
export async function callSocket(socketPath: string, path: string, call: Call = {}): Promise<{ status: number; body: string }> {
  const response = await open(socketPath, path, call);
  return { status: response.statusCode ?? 0, body: await text(response) };
}

/** True where `GET path` on the socket is answered 200. */
export async function isOk(socketPath: string, path: string): Promise<boolean> {
  try {
    return (await callSocket(socketPath, path)).status === 200;
  } catch {
    return false;
  }
}

/** A call was not answered at all. */
export class UnreachableError extends CliError {}

/** Why a call was not answered at all. */
export function unreachable(state: StateDir, cause: unknown): UnreachableError {
  return new UnreachableError(
    `no control plane answers on ${state.adminSocket}`,
    'is tulle up (or tulle control) running with this state directory?',
    {
      cause,
    },
  );
}

/** The control plane understood a call and will not have it. */
export class RefusedError extends CliError {}

/** What the control plane said against a call; what it says of a call that it understood needs no more words. */
function refusal(status: number, path: string, body: string): CliError {
  try {
    const answer: unknown = JSON.parse(body);
    const error = isObject(answer) ? textOf(answer['error']) : '';
    if (error !== '' && status < 500) return new RefusedError(error);
  } catch {
    // no JSON: shown as it is
  }
  return new CliError(`the control plane answered ${status} to ${path}: ${body.trim()}`);
}

/** Calls the control plane and parses its JSON answer; anything but success is a CliError. */
export async function callControl(state: StateDir, path: string, call: Call = {}): Promise<unknown> {
  const { status, body } = await callSocket(state.adminSocket, path, call).catch((error: unknown) => {
    throw unreachable(state, error);
  });
  if (status < 200 || status > 299) throw refusal(status, path, body);
  return JSON.parse(body);
}

/**
 * The lines of a streaming answer, parsed; ends, or throws, when the connection does or `signal` aborts. Throws CliError
 * where the call is refused.
 */
export async function* watchControl(state: StateDir, path: string, signal: AbortSignal): AsyncGenerator<unknown> {
  const response = await open(state.adminSocket, path, {});
  if (response.statusCode !== 200) throw refusal(response.statusCode ?? 0, path, await text(response));
  const stop = (): void => void response.destroy();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    let rest = '';
    // read as a stream: a line reader would wait for ever where the other end dies
    response.setEncoding('utf8');
    for await (const chunk of response) {
      const lines = `${rest}${String(chunk)}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.trim() !== '') yield JSON.parse(line);
    }
  } finally {
    signal.removeEventListener('abort', stop);
    response.destroy();
  }
}
