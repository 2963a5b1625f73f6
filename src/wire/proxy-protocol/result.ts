/** What reading a PROXY protocol header gives. */
export interface ProxyEndpoint {
  /** IPv4 or IPv6, as text. */
  readonly address: string;
  readonly port: number;
}

/** A further field of version 2. */
export interface ProxyTlv {
  readonly type: number;
  readonly value: Uint8Array;
}

export interface ProxyHeader {
  readonly version: 1 | 2;
  /** Whom the connection is from and for. Undefined where the sender does not say (UNKNOWN, LOCAL): the connection's own count. */
  readonly endpoints: { readonly source: ProxyEndpoint; readonly destination: ProxyEndpoint } | undefined;
  readonly tlvs: readonly ProxyTlv[];
  /** Where what the client sent begins. */
  readonly lengthBytes: number;
}

export type ProxyHeaderResult =
  | { readonly kind: 'header'; readonly header: ProxyHeader }
  /** So far it may be a header; give more bytes. */
  | { readonly kind: 'incomplete' }
  /** It does not begin as a header does: the bytes are the client's. */
  | { readonly kind: 'absent' }
  /** It begins as a header and is none: the connection must be closed. */
  | { readonly kind: 'malformed'; readonly reason: string };

export const INCOMPLETE: ProxyHeaderResult = { kind: 'incomplete' };
export const ABSENT: ProxyHeaderResult = { kind: 'absent' };

export function malformed(reason: string): ProxyHeaderResult {
  return { kind: 'malformed', reason };
}
