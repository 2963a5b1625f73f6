import { isGrpcType } from '../../core/grpc-status.ts';
import type { RequestHead } from '../../wire/http/message.ts';

/** Whether a request is one of gRPC. */
export function isGrpcRequest(head: RequestHead): boolean {
  return isGrpcType(head.headers.get('content-type'));
}
