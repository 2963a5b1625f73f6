/**
 * Takes in flows: Envoy's access log service, `envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs`, on the
 * address of xDS. A stream says in its first message who sends, and must be who its credential says.
 */
import { Code, ConnectError } from '@connectrpc/connect';
import { fromBinary } from '@bufbuild/protobuf';
import { FLOW_LOG, LOST_FLOWS_KEY } from '../../core/flow-log.ts';
import { messageOf } from '../../core/errors.ts';
import { isObject } from '../../core/object.ts';
import { formatSpiffeId } from '../../core/spiffe.ts';
import type { Flow } from '../../model/flow.ts';
import type { Mesh } from '../../model/mesh.ts';
import type { ByteMethod } from '../../net/grpc-bytes.ts';
import type { Node } from '../../xds/gen/envoy/config/core/v3/base_pb.ts';
import { type StreamAccessLogsMessage, StreamAccessLogsMessageSchema } from '../../xds/gen/envoy/service/accesslog/v3/als_pb.ts';
import type { TokenSubject, Tokens } from '../ca/tokens.ts';
import type { ProxyNode } from '../compiler.ts';
import { checkNode, identify } from '../identity.ts';
import { meshNames } from './mesh-names.ts';
import { type EntryContext, httpFlow, tcpFlow } from './read-entry.ts';
import type { FlowStore } from './store.ts';

/** The method that proxies call: `/package.Service/Method`. */
export const FLOW_METHOD = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs';

/** What serving the method needs. */
export interface FlowReceiverScope {
  readonly store: FlowStore;
  readonly tokens: Tokens;
  readonly proxyNodeOf: (node: Node) => ProxyNode;
  /** The proxy with that node id as it is connected by xDS, where it is. */
  readonly connectedProxy: (id: string) => ProxyNode | undefined;
  readonly mesh: () => Mesh;
  /** What flows are ordered by: ms since 1970 that never go back. */
  readonly nowMs: () => number;
}

const EMPTY = new Uint8Array();

function decode(bytes: Uint8Array): StreamAccessLogsMessage {
  try {
    return fromBinary(StreamAccessLogsMessageSchema, bytes);
  } catch (error) {
    throw new ConnectError(`not a StreamAccessLogsMessage: ${messageOf(error)}`, Code.InvalidArgument);
  }
}

function lostBy({ metadata }: Node): number {
  const tulle: unknown = metadata?.['TULLE'];
  const lost = isObject(tulle) ? tulle[LOST_FLOWS_KEY] : undefined;
  return typeof lost === 'number' && Number.isInteger(lost) && lost > 0 ? lost : 0;
}

interface Sender extends Omit<EntryContext, 'receivedMs' | 'names' | 'node'> {
  /** What the stream says of it: ours say no more than whose flows these are. */
  readonly said: ProxyNode;
}

/** Who sends. Throws ConnectError where that is not said, or not true. */
function senderOf(message: StreamAccessLogsMessage, subject: TokenSubject | undefined, scope: FlowReceiverScope): Sender {
  const { identifier } = message;
  if (identifier?.node === undefined) throw new ConnectError('the first message of a stream must carry the node', Code.InvalidArgument);
  if (identifier.logName !== FLOW_LOG)
    throw new ConnectError(`only the log ${FLOW_LOG} is taken here, not ${identifier.logName}`, Code.InvalidArgument);
  let proxy: ProxyNode;
  try {
    proxy = scope.proxyNodeOf(identifier.node);
  } catch (error) {
    throw new ConnectError(messageOf(error), Code.InvalidArgument);
  }
  checkNode(proxy, subject);
  const { id, role, namespace, workload, serviceAccount } = proxy;
  const { trustDomain } = scope.mesh().settings;
  return {
    proxy: id,
    isGateway: role === 'router',
    own: { namespace, workload },
    said: proxy,
    ownPrincipal: formatSpiffeId({ trustDomain, namespace, serviceAccount }),
  };
}

/** Flows of one message, in their order; what cannot be read is counted. */
function flowsOf({ logEntries }: StreamAccessLogsMessage, context: EntryContext, store: FlowStore): void {
  const take = (flow: Flow | undefined): void => {
    if (flow === undefined) store.lost.unreadable++;
    else store.add(flow);
  };
  if (logEntries.case === 'httpLogs') for (const entry of logEntries.value.logEntry) take(httpFlow(entry, context));
  if (logEntries.case === 'tcpLogs') for (const entry of logEntries.value.logEntry) take(tcpFlow(entry, context));
}

/** Serves streams of entries. */
export function flowReceiver(scope: FlowReceiverScope): ByteMethod {
  return (stream) => {
    const subject = identify(stream, scope.tokens);
    if (subject === undefined && stream.peer.transport === 'tls')
      throw new ConnectError('flows of other machines are taken with a token, or a certificate of the mesh', Code.Unauthenticated);
    let sender: Sender | undefined;
    return {
      receive(bytes) {
        const message = decode(bytes);
        sender ??= senderOf(message, subject, scope);
        if (message.identifier?.node !== undefined) scope.store.lost.byProxies += lostBy(message.identifier.node);
        const { said } = sender;
        let known: ProxyNode | undefined;
        const node = (): ProxyNode => (known ??= scope.connectedProxy(said.id) ?? said);
        flowsOf(message, { ...sender, node, receivedMs: scope.nowMs(), names: meshNames(scope.mesh()) }, scope.store);
      },
      // what is answered has no content
      close: (isGoodbye) => (isGoodbye ? stream.send([EMPTY]) : undefined),
    };
  };
}
