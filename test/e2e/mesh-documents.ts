/** Documents of meshes under test, each with its separator; they are in the namespace `shop` but where they say otherwise. */

interface WorkloadParts {
  /** The label by which Services select it; its name where absent. */
  readonly app?: string;
  /** More labels, and after them more of the metadata, as YAML that begins with a comma. */
  readonly labels?: string;
  readonly metadata?: string;
}

/** A Workload; `spec` is YAML. */
export function workload(name: string, spec: string, { app = name, labels = '', metadata = '' }: WorkloadParts = {}): string {
  return `
apiVersion: tulle.dev/v1
kind: Workload
metadata: { name: ${name}, namespace: shop, labels: { app: ${app}${labels} }${metadata} }
spec: { ${spec} }
---`;
}

/** A Workload with a service account of its own, which has its name. */
export function member(name: string, spec: string, parts?: WorkloadParts): string {
  return workload(name, `serviceAccount: ${name}, ${spec}`, parts);
}

/** What a server of HTTP on port 8080 is: examples/echo.mjs, or what `command` runs. */
export function serverSpec(name: string, command = '[node, ../echo.mjs]'): string {
  return `ports: [{ name: http, port: 8080, protocol: http }], command: ${command}, env: { NAME: ${name} }, readinessProbe: { httpGet: { path: /healthz, port: 8080 }, periodSeconds: 1 }`;
}

/** A Service of the workload with that name. */
export function service(name: string, ports = '{ name: http, port: 8080 }'): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { selector: { app: ${name} }, ports: [${ports}] }
---`;
}

/** Whoever is called takes mutual TLS alone. */
export const STRICT = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: shop }
spec: { mtls: { mode: STRICT } }
---`;

/** The policy `nobody-may`: nobody may call the workload of that name. */
export function denyAll(app: string): string {
  return `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: nobody-may, namespace: shop }
spec: { selector: { matchLabels: { app: ${app} } }, action: DENY, rules: [{}] }
---`;
}

/** A gateway `edge` in the namespace `default` that answers every request on a port by itself; `answer` is YAML. */
export function answeringGateway(port: number, answer: string): string {
  return `
apiVersion: tulle.dev/v1
kind: Workload
metadata: { name: edge, namespace: default, labels: { app: edge } }
spec: { role: gateway }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: default }
spec: { selector: { app: edge }, servers: [{ port: { number: ${port}, name: http, protocol: HTTP }, hosts: ["*"] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: edge, namespace: default }
spec: { hosts: ["*"], gateways: [edge], http: [{ directResponse: ${answer} }] }
---`;
}
