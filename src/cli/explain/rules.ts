/** From what a proxy has back to what was written: whether a value was said, and where. */
import type { Mesh } from '../../model/mesh.ts';
import type { HttpRule } from '../../model/route.ts';
import type { PeerAuthentication } from '../../model/security.ts';
import type { EffectiveMode, WorkloadIdentity } from '../../compile/emit/peer-authentication.ts';
import { mtlsModeOf } from '../../compile/emit/peer-authentication.ts';
import type { Provenance } from '../../model/provenance.ts';
import type { Source } from './explanation.ts';

/** The HTTP rule that a route came from; undefined for a service's default route. */
export function ruleAt(mesh: Mesh, source: Source | undefined): HttpRule | undefined {
  if (source === undefined) return undefined;
  const { file, line, field } = source;
  for (const set of mesh.routes) {
    const rule = set.http.find(({ origin }) => origin.file === file && origin.line === line && origin.field === field);
    if (rule !== undefined) return rule;
  }
  return undefined;
}

/** `policy` with every mode that it sets turned into another. */
function turned(policy: PeerAuthentication): PeerAuthentication {
  const turn = (mode: PeerAuthentication['mode']): PeerAuthentication['mode'] =>
    mode === 'UNSET' ? mode : mode === 'STRICT' ? 'DISABLE' : 'STRICT';
  return { ...policy, mode: turn(policy.mode), ports: new Map([...policy.ports].map(([port, mode]) => [port, turn(mode)])) };
}

/** What a workload's port accepts, and the PeerAuthentication that says so: the one without which it would be otherwise. */
export function mtlsOf(
  mesh: Mesh,
  workload: WorkloadIdentity,
  port: number,
): { readonly mode: EffectiveMode; readonly origin: Provenance | undefined } {
  const { peerAuthentications: policies, settings } = mesh;
  const modeWith = (list: readonly PeerAuthentication[]): EffectiveMode => mtlsModeOf(list, settings.rootNamespace, workload, port);
  const mode = modeWith(policies);
  const deciding = policies.find((policy) => modeWith(policies.map((each) => (each === policy ? turned(each) : each))) !== mode);
  return { mode, origin: deciding?.origin };
}
