/** Documents of meshes under test, each with its separator; all are in the namespace `shop`. */

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

/** What a server of HTTP on port 8080 is: examples/echo.ts, or what `command` runs. */
export function serverSpec(name: string, command = '[node, ../echo.ts]'): string {
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
