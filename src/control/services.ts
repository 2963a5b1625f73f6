/** The gRPC services of the control plane: aggregated xDS in both variants, and Istio's certificate signing. */
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from '@connectrpc/connect';
import { ProtocolError } from '../core/errors.ts';
import { createMessageQueue } from '../net/grpc-queue.ts';
import { AggregatedDiscoveryService } from '../xds/gen/envoy/service/discovery/v3/ads_pb.ts';
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from '../xds/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { type IstioCertificateRequest, IstioCertificateService } from '../xds/gen/istio/v1/auth/ca_pb.ts';
import { createDeltaSession, createSotwSession } from '../xds/server.ts';
import { type AnyRequest, type ConnectionVariant, ProxyConnection } from './connection.ts';
import type { ControlState } from './control-state.ts';
import { identify } from './identity.ts';

const delta: ConnectionVariant<DeltaDiscoveryRequest, DeltaDiscoveryResponse> = {
  name: 'delta',
  createSession: createDeltaSession,
  names: (request) => request.resourceNamesSubscribe,
  isResuming: (request) => Object.keys(request.initialResourceVersions).length > 0,
};

const sotw: ConnectionVariant<DiscoveryRequest, DiscoveryResponse> = {
  name: 'sotw',
  createSession: createSotwSession,
  names: (request) => request.resourceNames,
  isResuming: (request) => request.versionInfo !== '',
};

/** Serves one stream: requests are read while responses are written. */
async function* serveStream<Request extends AnyRequest, Response extends { readonly typeUrl: string }>(
  state: ControlState,
  variant: ConnectionVariant<Request, Response>,
  requests: AsyncIterable<Request>,
  context: HandlerContext,
): AsyncGenerator<Response> {
  const responses = createMessageQueue<Response>();
  const connection = new ProxyConnection(variant, state, identify(context, state.tokens), (response) => responses.push(response));
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
  const subject = identify(context, state.tokens);
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

/** Routes of the gRPC server. */
export function serviceRoutes(state: ControlState): (router: ConnectRouter) => void {
  return (router) => {
    router.service(AggregatedDiscoveryService, {
      deltaAggregatedResources: (requests, context) => serveStream(state, delta, requests, context),
      streamAggregatedResources: (requests, context) => serveStream(state, sotw, requests, context),
    });
    router.service(IstioCertificateService, {
      createCertificate: (request, context) => createCertificate(state, request, context),
    });
  };
}
