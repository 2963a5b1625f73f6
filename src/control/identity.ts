/** Who is behind a stream: shown by a bearer token, or by a certificate of the mesh. */
import { Code, ConnectError } from '@connectrpc/connect';
import { messageOf } from '../core/errors.ts';
import { parseSpiffeId } from '../core/spiffe.ts';
import type { GrpcPeer } from '../net/grpc-server.ts';
import type { TokenSubject, Tokens } from './ca/tokens.ts';
import type { ProxyNode } from './compiler.ts';

/** The identity of a verified client certificate, as Node writes alternative names: `URI:spiffe://…`. */
function certificateSubject(subjectAltName: string): TokenSubject | undefined {
  const uri = /(?:^|, )URI:([^,]+)/.exec(subjectAltName)?.[1];
  const id = uri === undefined ? undefined : parseSpiffeId(uri);
  return id && { namespace: id.namespace, serviceAccount: id.serviceAccount };
}

/** What a call shows of its caller. */
export interface Caller {
  readonly peer: GrpcPeer;
  /** Its bearer token. */
  readonly token: string | undefined;
}

/** The caller's identity, undefined for a stranger. Throws UNAUTHENTICATED for a token that is not good. */
export function identify({ peer, token }: Caller, tokens: Tokens): TokenSubject | undefined {
  if (token === undefined) return certificateSubject(peer.subjectAltName);
  try {
    return tokens.verify(token);
  } catch (error) {
    throw new ConnectError(messageOf(error), Code.Unauthenticated);
  }
}

/** Throws PERMISSION_DENIED where the node claims to be somebody else than `subject`. */
export function checkNode(proxy: ProxyNode, subject: TokenSubject | undefined): void {
  if (subject === undefined) return;
  if (proxy.namespace === subject.namespace && proxy.serviceAccount === subject.serviceAccount) return;
  throw new ConnectError(
    `the node says ${proxy.namespace}/${proxy.serviceAccount}, its credential says ${subject.namespace}/${subject.serviceAccount}`,
    Code.PermissionDenied,
  );
}
