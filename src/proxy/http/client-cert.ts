/** `x-forwarded-client-cert`. Source: Envoy, "HTTP header manipulation", x-forwarded-client-cert. */
import type { HeaderMap } from '../../wire/http/message.ts';
import type { DownstreamConnection, PeerTls } from '../listener/connection.ts';

export type ForwardClientCert = 'sanitize' | 'forward-only' | 'append-forward' | 'sanitize-set' | 'always-forward-only';

export interface ClientCertOptions {
  readonly forward: ForwardClientCert;
  readonly cert: boolean;
  readonly chain: boolean;
  readonly subject: boolean;
  readonly uri: boolean;
  readonly dns: boolean;
}

const NAME = 'x-forwarded-client-cert';

function element(tls: PeerTls, options: ClientCertOptions): string {
  const pairs: string[] = [];
  const { certificate } = tls;
  const { uris, dns } = certificate?.names ?? { uris: tls.uriSans, dns: tls.dnsSans };
  const [by] = tls.localUriSans;
  if (by !== undefined) pairs.push(`By=${by}`);
  pairs.push(`Hash=${certificate?.fingerprint ?? tls.fingerprint}`);
  const chain = options.cert || options.chain ? (certificate?.chain().map(({ pem }) => pem) ?? tls.chainPem?.() ?? []) : [];
  const [leaf] = chain;
  if (options.cert && leaf !== undefined) pairs.push(`Cert="${encodeURIComponent(leaf)}"`);
  if (options.chain && leaf !== undefined) pairs.push(`Chain="${encodeURIComponent(chain.join(''))}"`);
  if (options.subject) pairs.push(`Subject="${(certificate?.subject ?? tls.subject).replaceAll(/["\\]/g, '\\$&')}"`);
  if (options.uri) pairs.push(...(uris.length === 0 ? [''] : uris).map((san) => `URI=${san}`));
  if (options.dns) pairs.push(...dns.map((san) => `DNS=${san}`));
  return pairs.join(';');
}

const MEMO = Symbol('x-forwarded-client-cert');

/** The element of a connection, written once for all its requests. */
function elementOf(connection: DownstreamConnection, tls: PeerTls, options: ClientCertOptions): string {
  const known = connection.memo.get(MEMO);
  if (typeof known === 'string') return known;
  const text = element(tls, options);
  connection.memo.set(MEMO, text);
  return text;
}

/** Removes, keeps, sets or extends the field as the options and the client's certificate say. */
export function forwardClientCert(headers: HeaderMap, connection: DownstreamConnection, options: ClientCertOptions): void {
  const { forward } = options;
  if (forward === 'always-forward-only') return;
  const { tls } = connection;
  if (forward === 'sanitize' || tls === undefined || (tls.certificate === undefined && tls.fingerprint === '')) {
    headers.remove(NAME);
    return;
  }
  if (forward === 'forward-only') return;
  const own = elementOf(connection, tls, options);
  const former = forward === 'append-forward' ? headers.getAll(NAME).join(',') : '';
  headers.set(NAME, former === '' ? own : `${former},${own}`);
}
