import { ProtocolError } from '../../core/errors.ts';
import { H2 } from './types.ts';

/**
 * Every way in which a peer can break HTTP/2 or pass one of its limits, with the error code that GOAWAY or RST_STREAM
 * gives it (RFC 9113 section 7); what is wrong inside a field block is in `hpack-faults.ts`. Made once: a peer that sends rubbish costs no stack traces.
 */
const FAULTS = [
  ['http2.preface', H2.PROTOCOL_ERROR, 'no connection preface'],
  ['http2.first_frame', H2.PROTOCOL_ERROR, 'the first frame is not SETTINGS'],
  ['http2.frame_size', H2.FRAME_SIZE_ERROR, 'a frame larger than SETTINGS_MAX_FRAME_SIZE'],
  ['http2.payload_size', H2.FRAME_SIZE_ERROR, 'a frame whose payload has not the size of its type'],
  ['http2.padding', H2.PROTOCOL_ERROR, 'padding longer than its frame'],
  ['http2.stream_id', H2.PROTOCOL_ERROR, 'a frame on a stream that it cannot have'],
  ['http2.idle_stream', H2.PROTOCOL_ERROR, 'a frame on a stream that nobody has opened'],
  ['http2.new_stream_id', H2.PROTOCOL_ERROR, 'a new stream with a number that the client may not use'],
  ['http2.stream_closed', H2.STREAM_CLOSED, 'a frame on a stream that has ended'],
  ['http2.continuation', H2.PROTOCOL_ERROR, 'CONTINUATION missing, or without HEADERS'],
  ['http2.self_dependency', H2.PROTOCOL_ERROR, 'a stream that depends on itself'],
  ['http2.push', H2.PROTOCOL_ERROR, 'PUSH_PROMISE, which is not allowed'],
  ['http2.setting', H2.PROTOCOL_ERROR, 'a setting with a value that it cannot have'],
  ['http2.initial_window', H2.FLOW_CONTROL_ERROR, 'SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1'],
  ['http2.settings_ack', H2.PROTOCOL_ERROR, 'SETTINGS acknowledged that were not sent'],
  ['http2.window_increment', H2.PROTOCOL_ERROR, 'WINDOW_UPDATE by 0'],
  ['http2.window_overflow', H2.FLOW_CONTROL_ERROR, 'a flow-control window above 2^31-1'],
  ['http2.flow_control', H2.FLOW_CONTROL_ERROR, 'more DATA than the flow-control window allows'],
  ['http2.go_away', H2.PROTOCOL_ERROR, 'GOAWAY with a higher last stream than the one before'],
  ['http2.body_length', H2.PROTOCOL_ERROR, 'a body that has not the length that Content-Length declares'],
  ['http2.trailers', H2.PROTOCOL_ERROR, 'trailers that do not end their stream'],
  ['http2.extended_connect', H2.PROTOCOL_ERROR, 'extended CONNECT, which was not allowed'],
  ['http2.head_order', H2.PROTOCOL_ERROR, 'DATA or trailers before the final head'],
  ['http2.informational_end', H2.PROTOCOL_ERROR, 'an informational head that ends its stream'],
  ['http2.head_too_large', H2.ENHANCE_YOUR_CALM, 'header fields too large'],
  ['http2.too_many_headers', H2.ENHANCE_YOUR_CALM, 'too many header fields'],
  ['http2.header_flood', H2.ENHANCE_YOUR_CALM, 'a header block in too many or too large pieces'],
  ['http2.refused_stream', H2.REFUSED_STREAM, 'more streams than SETTINGS_MAX_CONCURRENT_STREAMS'],
  ['http2.reset_flood', H2.ENHANCE_YOUR_CALM, 'too many streams reset right after they were opened'],
  ['http2.empty_frame_flood', H2.ENHANCE_YOUR_CALM, 'too many empty frames in a row'],
  ['http2.priority_flood', H2.ENHANCE_YOUR_CALM, 'too many PRIORITY frames'],
  ['http2.window_update_flood', H2.ENHANCE_YOUR_CALM, 'too many WINDOW_UPDATE frames'],
  ['http2.outbound_flood', H2.ENHANCE_YOUR_CALM, 'too many frames waiting for a peer that does not read'],
  ['http2.outbound_control_flood', H2.ENHANCE_YOUR_CALM, 'too many control frames waiting for a peer that does not read'],
] as const satisfies readonly (readonly [code: string, h2Code: number, message: string])[];

export type FaultCode = (typeof FAULTS)[number][0];

/** What a peer did wrong, and the HTTP/2 error code that tells it so. */
export interface Fault {
  readonly error: ProtocolError;
  /** One of `H2`. */
  readonly h2Code: number;
}

/** `status` of the errors: a request that is malformed is 400's business, whatever else happens to its connection. */
const STATUS = 400;

const BY_CODE: ReadonlyMap<string, Fault> = new Map(
  FAULTS.map(([code, h2Code, message]) => [code, { error: new ProtocolError(code, STATUS, message), h2Code }]),
);

/** The fault of a code; the same object each time. */
export function fault(code: FaultCode): Fault {
  return BY_CODE.get(code) ?? { error: new ProtocolError(code, STATUS, code), h2Code: H2.PROTOCOL_ERROR };
}
