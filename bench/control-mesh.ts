/** Makes folders of meshes of any size, in Istio's YAML, which Tulle and istiod read alike. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface MeshSize {
  readonly services: number;
  /** Addresses of each service. */
  readonly endpointsEach: number;
  readonly namespaces: number;
}

/** The port that every service is called at. */
export const SERVICE_PORT = 80;

/** Host name of a service, from 0. */
export function hostOf(service: number): string {
  return `s-${service}.mesh.example`;
}

/** Resource name of a service's virtual host, by which a client asks for it alone. */
export function virtualHostOf(service: number): string {
  return `${SERVICE_PORT}/${hostOf(service)}`;
}

/** Namespace that a service, or a proxy, of this number is in. */
export function namespaceOf(number: number, { namespaces }: Pick<MeshSize, 'namespaces'>): string {
  return `ns-${number % namespaces}`;
}

/** Address of a service's endpoint; each is another of 10.0.0.0/8. `variant` makes it another one yet. */
export function addressOf(service: number, endpoint: number, variant: number): string {
  return `10.${(service >> 8) & 255}.${service & 255}.${endpoint + 1 + 100 * (variant % 2)}`;
}

/** A ServiceEntry; with another `variant` its last endpoint has another address. */
function serviceEntry(service: number, size: MeshSize, variant: number): string {
  const endpoints = Array.from({ length: size.endpointsEach }, (_, i) => {
    const address = addressOf(service, i, i === size.endpointsEach - 1 ? variant : 0);
    return `    - { address: ${address}, labels: { app: s-${service}, version: v${1 + (i % 2)} } }`;
  });
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: s-${service}, namespace: ${namespaceOf(service, size)} }
spec:
  hosts: [${hostOf(service)}]
  ports: [{ number: ${SERVICE_PORT}, name: http, protocol: HTTP }]
  resolution: STATIC
  location: MESH_INTERNAL
  endpoints:
${endpoints.join('\n')}
`;
}

/**
 * A VirtualService of two rules; with another `variant` the first has another timeout. That of service 0 is exported
 * to its own namespace, so that a change of it concerns that namespace's proxies; the others are for everybody.
 */
function virtualService(service: number, size: MeshSize, variant: number): string {
  const exportTo = service === 0 ? '  exportTo: [.]\n' : '';
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: s-${service}, namespace: ${namespaceOf(service, size)} }
spec:
  hosts: [${hostOf(service)}]
${exportTo}  http:
    - match: [{ uri: { prefix: /api } }]
      timeout: ${5 + (variant % 2)}s
      retries: { attempts: 3, retryOn: '5xx,reset' }
      route: [{ destination: { host: ${hostOf(service)} } }]
    - route: [{ destination: { host: ${hostOf(service)} } }]
`;
}

/** A file is there as a whole or not at all. */
function put(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

/** Writes one service's endpoints anew. */
export function writeService(folder: string, service: number, size: MeshSize, variant: number): void {
  put(path.join(folder, `service-${service}.yaml`), serviceEntry(service, size, variant));
}

/** Writes one service's routes anew. */
export function writeRoutes(folder: string, service: number, size: MeshSize, variant: number): void {
  put(path.join(folder, `routes-${service}.yaml`), virtualService(service, size, variant));
}

/** A folder with the whole mesh: two files a service. */
export function writeMesh(folder: string, size: MeshSize): void {
  mkdirSync(folder, { recursive: true });
  for (let service = 0; service < size.services; service++) {
    writeService(folder, service, size, 0);
    writeRoutes(folder, service, size, 0);
  }
}
