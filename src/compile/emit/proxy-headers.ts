/** Headers that proxies add by themselves, as settings of proxies say: fields of the HTTP connection manager. */
import { create } from '@bufbuild/protobuf';
import type { MeshSettings } from '../../model/mesh.ts';
import type { ForwardClientCert, ProxyHeaders } from '../../model/proxy-settings.ts';
import {
  HttpConnectionManager_ForwardClientCertDetails as Details,
  type HttpConnectionManager,
  HttpConnectionManager_SetCurrentClientCertDetailsSchema as ToldSchema,
  HttpConnectionManager_ServerHeaderTransformation as ServerHeader,
} from '../../xds/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import type { Side } from './telemetry-filters.ts';

const DETAILS: Readonly<Record<ForwardClientCert, Details>> = {
  SANITIZE: Details.SANITIZE,
  FORWARD_ONLY: Details.FORWARD_ONLY,
  APPEND_FORWARD: Details.APPEND_FORWARD,
  SANITIZE_SET: Details.SANITIZE_SET,
  ALWAYS_FORWARD_ONLY: Details.ALWAYS_FORWARD_ONLY,
};

const USUAL: ProxyHeaders = {
  forwardClientCert: undefined,
  certificateDetails: undefined,
  hasRequestId: true,
  server: undefined,
  hasAttemptCount: true,
  hasDebugHeaders: true,
  hasForwardedPort: false,
  hasForwardedHost: false,
};

/** What settings say of headers, else what is usual. */
export function headersOf({ proxy }: MeshSettings): ProxyHeaders {
  return proxy.headers ?? USUAL;
}

/** What is believed and told of clients' certificates: of gateways by their topology, as in Istio. */
function setCertificates(manager: HttpConnectionManager, { proxy }: MeshSettings, side: Side): void {
  const details = side === 'server' ? proxy.headers?.forwardClientCert : proxy.topology?.forwardClientCert;
  const told = side === 'server' ? proxy.headers?.certificateDetails : undefined;
  if (details !== undefined) manager.forwardClientCertDetails = DETAILS[details];
  if (told !== undefined) {
    const { subject, cert, chain, dns, uri } = told;
    manager.setCurrentClientCertDetails = create(ToldSchema, { subject, cert, chain, dns, uri });
  }
  if (side === 'gateway') manager.xffNumTrustedHops = proxy.topology?.trustedProxies ?? 0;
}

/** Sets what differs from the usual on the connection manager of `side`. */
export function setProxyHeaders(manager: HttpConnectionManager, settings: MeshSettings, side: Side): void {
  const { server, hasRequestId, hasForwardedPort } = headersOf(settings);
  if (server !== undefined) manager.serverName = server;
  if (server === '') manager.serverHeaderTransformation = ServerHeader.PASS_THROUGH;
  if (!hasRequestId) manager.generateRequestId = false;
  manager.appendXForwardedPort = hasForwardedPort;
  if (side !== 'client') setCertificates(manager, settings, side);
}
