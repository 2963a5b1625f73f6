import { type ClientHello, parseClientHello } from '../../wire/tls/client-hello.ts';
import { sniffHttp } from '../../wire/http1/sniff.ts';

/** Which listener filters look at a connection's first bytes. */
export interface Inspectors {
  readonly tls: boolean;
  readonly http: boolean;
}

/** What the first bytes say. */
export interface Inspection {
  /** Undefined where it is no TLS, or nobody looked. */
  readonly hello: ClientHello | undefined;
  /** Of the ClientHello, or the HTTP version found: `http/1.1`, `h2c`. */
  readonly applicationProtocols: readonly string[];
}

export const NOTHING_FOUND: Inspection = { hello: undefined, applicationProtocols: [] };

/** Judges the bytes so far; undefined: more are needed. */
export function inspect(bytes: Uint8Array, { tls, http }: Inspectors): Inspection | undefined {
  if (tls) {
    const result = parseClientHello(bytes);
    if (result.kind === 'incomplete') return undefined;
    if (result.kind === 'hello') return { hello: result.hello, applicationProtocols: result.hello.alpn };
  }
  if (!http) return NOTHING_FOUND;
  const found = sniffHttp(bytes);
  if (found === 'incomplete') return undefined;
  return found === 'not-http' ? NOTHING_FOUND : { hello: undefined, applicationProtocols: [found] };
}
