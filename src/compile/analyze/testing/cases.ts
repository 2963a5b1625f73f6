/** How analysers are tested: a mesh in which a code is said, and one a word apart in which it is not. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { loadRe2 } from '../../../core/re2.ts';
import { refusedByProxy } from '../../../cli/analyze/refused-by-proxy.ts';
import { analyze } from '../analyze.ts';
import type { FindingCode, Severity } from '../codes.ts';
import type { Finding } from '../finding.ts';

export interface Case {
  readonly code: FindingCode;
  readonly name: string;
  readonly bad: string;
  /** Text of the line that is named. */
  readonly at: string;
  /** What the message says of traffic. */
  readonly says: RegExp;
  /** Where it is not the code's own. */
  readonly severity?: Severity;
  readonly good: string;
}

/** Analyses one file, `mesh.yaml`. */
export function analyzeText(text: string): readonly Finding[] {
  return analyze({ texts: new Map([['mesh.yaml', text]]), refusedByProxy });
}

function describe(findings: readonly Finding[]): string {
  return findings.map(({ severity, code, line, message }) => `${severity} ${code} line ${line}: ${message}`).join('\n') || 'nothing';
}

/** A test for each case. */
export function testCases(cases: readonly Case[]): void {
  before(loadRe2);
  for (const { code, name, bad, at, says, severity, good } of cases) {
    test(`${code}: ${name}`, () => {
      const found = analyzeText(bad);
      const lines = bad.split('\n');
      const own = found.find((finding) => finding.code === code && lines[finding.line - 1]?.includes(at) && says.test(finding.message));
      assert.ok(own, `wants ${code} at "${at}" saying ${says}, found\n${describe(found)}`);
      if (severity !== undefined) assert.equal(own.severity, severity);
      const others = analyzeText(good).filter((finding) => finding.code === code);
      assert.equal(describe(others), 'nothing');
    });
  }
}

/** Documents of one file. */
export function join(...documents: readonly string[]): string {
  return documents.map((text) => text.trim()).join('\n---\n');
}

/** A Service of namespace shop with one port, and what serves it. */
export function served(name: string, port = 'name: http, port: 80', labels = 'version: v1'): string {
  return join(service(name, port), workload(name, labels));
}

/** A Service of namespace shop. */
export function service(name: string, ports = 'name: http, port: 80', more = ''): string {
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop${more} }
spec: { selector: { app: ${name} }, ports: [{ ${ports} }] }`;
}

/** A Workload of namespace shop. */
export function workload(name: string, labels = 'version: v1', ports = ''): string {
  return `
apiVersion: tulle.dev/v1
kind: Workload
metadata: { name: ${name}, namespace: shop, labels: { app: ${name}, ${labels} } }
spec: { serviceAccount: ${name}, command: [run], ports: [${ports}] }`;
}

/** The gateway of namespace shop, label gw: a. */
export const GATEWAY_WORKLOAD = `
apiVersion: tulle.dev/v1
kind: Workload
metadata: { name: edge, namespace: shop, labels: { gw: a } }
spec: { role: gateway, serviceAccount: edge }`;

/** Any Istio resource of namespace shop; `spec` is what stands behind `spec:`. */
export function resource(kind: string, name: string, spec: string, group = 'networking.istio.io/v1', metadata = ''): string {
  return `
apiVersion: ${group}
kind: ${kind}
metadata: { name: ${name}, namespace: shop${metadata} }
spec: ${spec}`;
}

/** A VirtualService of namespace shop for `web`, with these HTTP rules. */
export function routes(...rules: readonly string[]): string {
  return resource('VirtualService', 'web', `\n  hosts: [web]\n  http:\n${rules.map((rule) => `    - ${rule}`).join('\n')}`);
}

/** `route` to a host. */
export function to(host: string, more = ''): string {
  return `route: [{ destination: { host: ${host}${more} } }]`;
}
