/** Heads of messages as their users see them, made of decoded field blocks (RFC 9113 section 8.3, RFC 8441). */
import type { IncomingRequest, IncomingResponse } from '../http/message.ts';
import { fault, type Fault } from './faults.ts';
import type { DecodedHead } from './field-collector.ts';
import { H2 } from './types.ts';

/** An extended CONNECT is given as a GET that asks for an upgrade, which is what it is in HTTP/1.1. */
export function incomingRequest(head: DecodedHead, isEnd: boolean): IncomingRequest {
  const { protocol } = head;
  return {
    method: protocol === '' ? head.method : 'GET',
    path: head.path,
    authority: head.authority,
    scheme: head.scheme,
    protocol: 'HTTP/2',
    headers: head.headers,
    contentLength: isEnd ? 0 : requestBodyBytes(head),
    upgrade: protocol.toLowerCase(),
    expectsContinue: head.expectsContinue,
    isAbsolute: false,
  };
}

/** `upgrade`: the protocol that the request asked for; its acceptance comes as 101, whatever the version. */
export function incomingResponse(head: DecodedHead, contentLength: number, upgrade: string): IncomingResponse {
  const { status, headers } = head;
  const isAccepted = upgrade !== '' && status >= 200 && status < 300;
  return {
    status: isAccepted ? 101 : status,
    headers,
    contentLength,
    upgrade: isAccepted ? upgrade : '',
  };
}

/**
 * Bytes of DATA that must follow a request's head; -1 where any number may. A tunnel has no length, whatever it declares
 * (RFC 9110 section 9.3.6).
 */
export function requestBodyBytes(head: DecodedHead): number {
  return head.method === 'CONNECT' ? -1 : head.contentLength;
}

/** The same for a final response: none after HEAD, 204 and 304 (RFC 9110 section 6.4.1). */
export function responseBodyBytes(head: DecodedHead, isToHead: boolean, isConnect: boolean): number {
  const { status } = head;
  if (isToHead || status === 204 || status === 304) return 0;
  return isConnect && status >= 200 && status < 300 ? -1 : head.contentLength;
}

/** What is wrong with a head by itself. What has passed a limit was not read to its end. */
export function headFault(head: DecodedHead): Fault | undefined {
  if (head.isTooLarge) return fault(head.isTooMany ? 'http2.too_many_headers' : 'http2.head_too_large');
  return head.malformed === undefined ? undefined : { error: head.malformed, h2Code: H2.PROTOCOL_ERROR };
}
