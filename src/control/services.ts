/** The gRPC services of the control plane: aggregated xDS in both variants, and Istio's certificate signing. */
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import { fromBinary } from '@bufbuild/protobuf';
import { messageOf, ProtocolError } from '../core/errors.ts';
import type { ByteMethod } from '../net/grpc-bytes.ts';
import { createMessageQueue } from '../net/grpc-queue.ts';
import { bearerToken, type ByteMethods, peerOf } from '../net/grpc-server.ts';
import { AggregatedDiscoveryService } from '../xds/gen/envoy/service/discovery/v3/ads_pb.ts';
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DiscoveryRequest,
  type DiscoveryResponse,
} from '../xds/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { type IstioCertificateRequest, IstioCertificateService } from '../xds/gen/istio/v1/auth/ca_pb.ts';
import { createDeltaByteSession, createSotwSession, type EncodedResponse } from '../xds/server.ts';
import { type AnyRequest, type ConnectionVariant, ProxyConnection } from './connection.ts';
import type { ControlState } from './control-state.ts';
import { FLOW_METHOD, flowReceiver, type FlowReceiverScope } from './flows/receiver.ts';
import { readAnswer } from './delta-answer.ts';
import { type Caller, identify } from './identity.ts';
import { serveMetrics, STREAM_METRICS } from './signals/signals.ts';

const delta: ConnectionVariant<DeltaDiscoveryRequest, EncodedResponse> = {
  name: 'delta',
  createSession: createDeltaByteSession,
  names: (request) => request.resourceNamesSubscribe,
  isResuming: (request) => Object.keys(request.initialResourceVersions).length > 0,
};

const sotw: ConnectionVariant<DiscoveryRequest, DiscoveryResponse> = {
  name: 'sotw',
  createSession: createSotwSession,
  names: (request) => request.resourceNames,
  isResuming: (request) => request.versionInfo !== '',
};

function callerOf(context: HandlerContext): Caller {
  return { peer: peerOf(context), token: bearerToken(context) };
}

/** Requests that are read once: those long enough for names of many resources, which clients of the same ask for alike. */
const REPEATED_BYTES = { min: 1024, max: 1024 * 1024 };
/** How many of them are remembered. */
const REPEATED_MAX = 16;

interface ReadRequest {
  readonly bytes: Buffer;
  readonly request: DeltaDiscoveryRequest;
}

/** Reads requests; of equal ones the second is the same object. */
function requestReader(): (bytes: Buffer) => DeltaDiscoveryRequest {
  const known: ReadRequest[] = [];
  // clients with the same past answer alike
  let last: ReadRequest | undefined;
  return (bytes) => {
    if (last?.bytes.equals(bytes) === true) return last.request;
    const answer = readAnswer(bytes);
    if (answer !== undefined) {
      last = { bytes, request: answer };
      return answer;
    }
    const found = bytes.length < REPEATED_BYTES.min ? undefined : known.find((each) => each.bytes.equals(bytes));
    if (found !== undefined) return found.request;
    const request = decodeRequest(bytes);
    // what carries a node is one client's own
    if (request.node === undefined && bytes.length >= REPEATED_BYTES.min && bytes.length <= REPEATED_BYTES.max) {
      known.unshift({ bytes: Buffer.from(bytes), request });
      known.splice(REPEATED_MAX);
    }
    return request;
  };
}

function decodeRequest(bytes: Uint8Array): DeltaDiscoveryRequest {
  try {
    return fromBinary(DeltaDiscoveryRequestSchema, bytes);
  } catch (error) {
    throw new ConnectError(`not a DeltaDiscoveryRequest: ${messageOf(error)}`, Code.InvalidArgument);
  }
}

/** Serves one delta stream: its responses are bytes that streams share. */
function serveDelta(state: ControlState): ByteMethod {
  const read = requestReader();
  return (stream) => {
    const connection = new ProxyConnection(delta, state, identify(stream, state.tokens), ({ parts }) => stream.send(parts));
    return {
      receive: (bytes) => connection.receive(read(bytes)),
      close: (isGoodbye) => connection.close(isGoodbye),
    };
  };
}

/** Serves one stream: requests are read while responses are written. */
async function* serveStream<Request extends AnyRequest, Response extends { readonly typeUrl: string }>(
  state: ControlState,
  variant: ConnectionVariant<Request, Response>,
  requests: AsyncIterable<Request>,
  context: HandlerContext,
): AsyncGenerator<Response> {
  const responses = createMessageQueue<Response>();
  const connection = new ProxyConnection(variant, state, identify(callerOf(context), state.tokens), (response) => responses.push(response));
  let failure: unknown;
  const read = async (): Promise<void> => {
    try {
      for await (const request of requests) connection.receive(request);
    } catch (error) {
      failure = error;
    } finally {
      // a stream that broke ends like one that was ended, but for its signal
      connection.close(failure === undefined && !context.signal.aborted);
      responses.close();
    }
  };
  const reading = read();
  yield* responses;
  await reading;
  if (failure !== undefined) throw failure;
}

const SECOND_MS = 1000;

function createCertificate(state: ControlState, request: IstioCertificateRequest, context: HandlerContext): { certChain: string[] } {
  state.stats.signingRequests.add();
  const subject = identify(callerOf(context), state.tokens);
  if (subject === undefined)
    throw new ConnectError('a certificate needs a token, or a certificate that is still good', Code.Unauthenticated);
  const { trustDomain } = state.pusher.state().mesh.settings;
  const ttlMs = request.validityDuration > 0n ? Number(request.validityDuration) * SECOND_MS : undefined;
  try {
    const certChain = state.authority.sign(request.csr, { trustDomain, ...subject }, ttlMs);
    state.stats.certificatesIssued.add();
    state.log.info('certificate issued', { namespace: subject.namespace, serviceAccount: subject.serviceAccount });
    return { certChain };
  } catch (error) {
    if (error instanceof ProtocolError) throw new ConnectError(error.message, Code.InvalidArgument);
    throw error;
  }
}

function flowScope({ flows, tokens, compiler, pusher, connections }: ControlState): FlowReceiverScope {
  return {
    store: flows.store,
    nowMs: flows.nowMs,
    tokens,
    proxyNodeOf: compiler.proxyNodeOf,
    connectedProxy: (id) => [...connections].find(({ proxy }) => proxy.id === id)?.proxy,
    mesh: () => pusher.state().mesh,
  };
}

/** Methods of the gRPC server that deal in bytes. */
export function byteMethods(state: ControlState): ByteMethods {
  const { parent, name } = AggregatedDiscoveryService.method.deltaAggregatedResources;
  const { signals, compiler, tokens } = state;
  return new Map([
    [`/${parent.typeName}/${name}`, serveDelta(state)],
    [FLOW_METHOD, flowReceiver(flowScope(state))],
    [STREAM_METRICS, serveMetrics({ signals, compiler, identify: (caller) => identify(caller, tokens) })],
  ]);
}

/** Routes of the gRPC server. */
export function serviceRoutes(state: ControlState): (router: ConnectRouter) => void {
  return (router) => {
    router.service(AggregatedDiscoveryService, {
      streamAggregatedResources: (requests, context) => serveStream(state, sotw, requests, context),
    });
    router.service(IstioCertificateService, {
      createCertificate: (request, context) => createCertificate(state, request, context),
    });
  };
}
