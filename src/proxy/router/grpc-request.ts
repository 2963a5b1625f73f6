import type { RequestHead } from '../../wire/http/message.ts';

/** Whether a request is one of gRPC: `application/grpc`, with a suffix or parameters. */
export function isGrpcRequest(head: RequestHead): boolean {
  return /^application\/grpc(?:$|[+;])/.test(head.headers.get('content-type') ?? '');
}
