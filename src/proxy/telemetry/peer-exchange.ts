/**
 * The exchange of peer metadata over one request: the client's proxy tells who its workload is and reads the answer's,
 * the server's proxy reads, strips and answers. The application behind either sees none of it.
 */
import type { HttpStream, LocalNode } from '../http/filter.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import { fieldName, fixedField } from '../../wire/http/headers.ts';
import type { HeaderMap } from '../../wire/http/message.ts';
import {
  createMetadataCache,
  encodeMetadata,
  METADATA_HEADER,
  METADATA_ID_HEADER,
  metadataOfNode,
  type PeerMetadata,
} from './peer-metadata.ts';

/** Which way each part goes. */
export interface ExchangeOptions {
  readonly readsRequest: boolean;
  readonly readsResponse: boolean;
  readonly marksRequest: boolean;
  readonly marksResponse: boolean;
  /** True for requests that leave the mesh, which are not to tell who sends them; absent: all tell. */
  readonly leavesMesh?: (info: StreamInfo) => boolean;
}

export interface PeerExchange {
  onRequest(stream: HttpStream): void;
  onResponse(stream: HttpStream): void;
}

const PEER = 'istio.peer';

const METADATA = fieldName(METADATA_HEADER);
const METADATA_ID = fieldName(METADATA_ID_HEADER);

/** Left on a stream whose metadata is exchanged: a filter further down does not do it again. */
export interface ExchangeState {
  readonly by: PeerExchange;
  /** The request came with metadata: who sent it is a proxy of a mesh. */
  readonly isAsked: boolean;
}

// one for the process: what a peer says of itself does not depend on the listener it comes to
const lookUp = createMetadataCache();

function isPeer(value: unknown): value is PeerMetadata {
  return typeof value === 'object' && value !== null && 'canonicalService' in value;
}

/** The peer's metadata as an exchange read it. */
export function peerOf(info: StreamInfo): PeerMetadata | undefined {
  const value = info.metadata.size === 0 ? undefined : info.metadata.get(PEER);
  return isPeer(value) ? value : undefined;
}

/** Reads and strips; true where there was anything. */
function read(headers: HeaderMap, info: StreamInfo): boolean {
  const encoded = headers.get(METADATA);
  const hasId = headers.has(METADATA_ID);
  if (hasId) headers.remove(METADATA_ID);
  if (encoded === undefined) return hasId;
  headers.remove(METADATA);
  const peer = lookUp(encoded);
  if (peer !== undefined) info.metadata.set(PEER, peer);
  return true;
}

/** Prepares an exchange for the local workload. */
export function createExchange(node: LocalNode, options: ExchangeOptions): PeerExchange {
  const id = fixedField(METADATA_ID_HEADER, node.id);
  const metadata = fixedField(METADATA_HEADER, encodeMetadata(metadataOfNode(node)));
  const mark = (headers: HeaderMap): void => {
    headers.setFixed(id);
    headers.setFixed(metadata);
  };
  const self: PeerExchange = {
    onRequest({ request: { headers }, info }) {
      if (info.exchange !== undefined) return;
      info.exchange = options.readsRequest && read(headers, info) ? asked : unasked;
      if (options.marksRequest && options.leavesMesh?.(info) !== true) mark(headers);
    },
    onResponse({ response, info }) {
      const { exchange } = info;
      if (response === undefined || exchange?.by !== self) return;
      if (options.readsResponse) read(response.headers, info);
      // who did not ask is no proxy of a mesh
      if (options.marksResponse && exchange.isAsked) mark(response.headers);
    },
  };
  const [asked, unasked]: readonly [ExchangeState, ExchangeState] = [
    { by: self, isAsked: true },
    { by: self, isAsked: false },
  ];
  return self;
}
