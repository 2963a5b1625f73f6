/** The demo's client: real requests over TCP and Unix sockets, with what came back. */
import { request } from 'node:http';
import net from 'node:net';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

interface Target {
  readonly port?: number;
  readonly socketPath?: string;
}

/** One HTTP request to loopback or to a Unix socket; rejects where nobody answers. */
export function ask(target: Target, path: string, options: { method?: string; headers?: Record<string, string> } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', ...target, path, method: options.method ?? 'GET', headers: options.headers ?? {}, timeout: 10_000 },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
        response.on('error', reject);
      },
    );
    sent.on('timeout', () => sent.destroy(new Error(`no answer to ${path} in 10 s`)));
    sent.on('error', reject);
    sent.end();
  });
}

/** `count` requests, eight at a time; a request that nobody answered counts as status 0. */
export async function askMany(count: number, one: (index: number) => Promise<Answer>): Promise<Answer[]> {
  const answers: Answer[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) answers.push(await one(next++).catch((error: unknown) => ({ status: 0, headers: {}, text: String(error) })));
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  return answers;
}

/** Says an HTTP request in plaintext to an address and returns what came back before the connection closed. */
export function speakPlaintext(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = net.connect(port, host, () => socket.write('POST /charge HTTP/1.1\r\nhost: payments\r\ncontent-length: 0\r\n\r\n'));
    socket.setTimeout(3000, () => socket.destroy());
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}
