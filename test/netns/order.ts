/** Orders for the agents of network namespaces. */
import { request } from 'node:http';
import type { Order } from './agent.ts';

const PATIENCE_MS = 20_000;

/** What the agent behind a socket sees when it does what it is asked to. */
export function order(socketPath: string, what: Order): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method: 'POST', timeout: PATIENCE_MS }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve(text));
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer to ${JSON.stringify(what)}`)));
    sent.on('error', reject);
    sent.end(JSON.stringify(what));
  });
}
