/** Fetches the keys of a token issuer over HTTP, by its discovery document where only the issuer is known. */
import { canonicalKeySet, isKeySet } from '../../compile/schema/key-set-text.ts';
import { messageOf } from '../../core/errors.ts';
import type { KeySource } from '../../model/key-set.ts';

/** Sets are a few kilobytes; what is larger is something else. */
const MAX_BYTES = 1024 * 1024;

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error(`the answer is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function get(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { signal, headers: { accept: 'application/json' } });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`${url} answers ${response.status}`);
  }
  return textOf(response);
}

/** `jwks_uri` of a discovery document (OpenID Connect Discovery 1.0, section 3). */
function keysAddress(document: string, url: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(document);
  } catch {
    throw new Error(`${url} answers what is no JSON`);
  }
  const found = typeof parsed === 'object' && parsed !== null && 'jwks_uri' in parsed ? parsed.jwks_uri : undefined;
  if (typeof found === 'string' && /^https?:$/.test(URL.parse(found)?.protocol ?? '')) return found;
  throw new Error(`${url} says no jwks_uri`);
}

/** What went wrong, with the reason that `fetch` hides. */
function reasonOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return 'no answer in time';
  return error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : messageOf(error);
}

/** The key set at `source`, always the same text for the same keys. Rejects with an Error that says what is wrong. */
export async function fetchKeys({ url, isDiscovery, timeoutMs }: KeySource, stop: AbortSignal): Promise<string> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(timeoutMs)]);
  try {
    const address = isDiscovery ? keysAddress(await get(url, signal), url) : url;
    const text = await get(address, signal);
    if (!isKeySet(text)) throw new Error(`${address} answers what is no JSON Web Key Set`);
    return canonicalKeySet(text);
  } catch (error) {
    throw new Error(reasonOf(error), { cause: error });
  }
}
