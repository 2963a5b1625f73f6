import { objectsOf, textOf, type JsonObject } from '../json.ts';
import type { Finding } from './finding.ts';
import { warning } from './finding.ts';

/**
 * Services that answer every call with 503, since none of their endpoints gets traffic. A service whose clients choose
 * the address (resolution `none`) has no endpoints of its own.
 *
 * @param services rows of the control plane's `GET /api/services`
 */
export function checkServices(services: readonly JsonObject[]): Finding[] {
  return services.flatMap((service) => {
    const endpoints = objectsOf(service['endpoints']);
    if (service['resolution'] === 'none' || endpoints.some((endpoint) => endpoint['isReady'] === true)) return [];
    const name = `service ${textOf(service['namespace'])}/${textOf(service['name'])}`;
    if (endpoints.length > 0)
      return [warning(name, `none of its ${endpoints.length} endpoints is ready: calls get 503`, 'look why its workloads are not ready')];
    return [warning(name, 'has no endpoints: calls get 503', 'start a workload that its selector matches, or name endpoints')];
  });
}
