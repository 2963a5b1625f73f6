/** Instances as proxies register them (node metadata `TULLE.register`, ARCHITECTURE.md) and as they are kept on disk. */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { parseIp } from '../core/cidr.ts';
import { ConfigError } from '../core/errors.ts';
import { isObject } from '../core/object.ts';
import type { WorkloadInstance } from '../model/workload.ts';
import type { Node } from '../xds/gen/envoy/config/core/v3/base_pb.ts';
import type { ProxyNode } from './compiler.ts';

function objectAt(parent: JsonObject | undefined, key: string): JsonObject | undefined {
  const value: JsonValue | undefined = parent?.[key];
  return isObject(value) ? value : undefined;
}

/** `payments-v1-0` of `sidecar~10.0.0.1~payments-v1-0.shop~shop.svc.cluster.local`. */
function instanceId(nodeId: string, namespace: string): string {
  const [, , name = ''] = nodeId.split('~');
  return name.endsWith(`.${namespace}`) ? name.slice(0, -namespace.length - 1) : name;
}

/**
 * The instance that a node wants to register as, or undefined where it does not ask to. Throws ConfigError naming the
 * field that cannot be read.
 */
export function instanceOf(node: Node, proxy: ProxyNode): Omit<WorkloadInstance, 'isReady'> | undefined {
  const register = objectAt(objectAt(node.metadata, 'TULLE'), 'register');
  if (register === undefined) return undefined;
  const { address, locality } = register;
  const path = 'node.metadata.TULLE.register';
  if (typeof address !== 'string' || address === '') throw new ConfigError(`${path}.address`, 'an address is needed to register');
  if (parseIp(address) === undefined) throw new ConfigError(`${path}.address`, `${JSON.stringify(address)} is not an IP address`);
  if (proxy.workload === '') throw new ConfigError('node.metadata.WORKLOAD_NAME', "the workload's name is needed to register");
  return {
    id: instanceId(node.id, proxy.namespace),
    workload: proxy.workload,
    namespace: proxy.namespace,
    labels: proxy.labels,
    serviceAccount: proxy.serviceAccount,
    address,
    ports: proxy.ports,
    locality: typeof locality === 'string' ? locality : '',
    isMeshed: true,
    ...(proxy.role === 'router' ? { isGateway: true } : {}),
    ...(proxy.hbonePort === undefined ? {} : { hbonePort: proxy.hbonePort }),
  };
}

function isPort(value: unknown): boolean {
  if (!isObject(value) || typeof value['name'] !== 'string' || typeof value['protocol'] !== 'string') return false;
  return [value['number'], value['listen']].every((port) => Number.isInteger(port) && Number(port) > 0 && Number(port) < 65_536);
}

/** The instance without a proxy that the body of an admin call describes. Throws ConfigError where it does not. */
export function heldInstance(key: { readonly namespace: string; readonly id: string }, body: unknown): WorkloadInstance {
  const value: unknown = isObject(body) ? { ...body, ...key, isMeshed: false } : undefined;
  if (!isInstance(value))
    throw new ConfigError('', 'an instance has workload, serviceAccount, address, locality, labels, ports and isReady');
  if (parseIp(value.address) === undefined) throw new ConfigError('address', `${JSON.stringify(value.address)} is not an IP address`);
  if (!value.ports.every(isPort)) throw new ConfigError('ports', 'a port has name, number, protocol and listen');
  return value;
}

const TEXTS = ['id', 'workload', 'namespace', 'serviceAccount', 'address', 'locality'] as const;

function isInstance(value: unknown): value is WorkloadInstance {
  if (!isObject(value) || !TEXTS.every((key) => typeof value[key] === 'string')) return false;
  return isObject(value['labels']) && Array.isArray(value['ports']) && typeof value['isReady'] === 'boolean';
}

/** The instances of a file that `JSON.stringify` wrote. Throws ConfigError where it is something else. */
export function readInstances(value: unknown): readonly WorkloadInstance[] {
  if (Array.isArray(value) && value.every(isInstance)) return value;
  throw new ConfigError('', 'not a list of instances');
}
