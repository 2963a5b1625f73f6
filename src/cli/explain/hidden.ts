/** Whether a Sidecar keeps a service from those who would call it. */
import type { ProxyNode } from '../../compile/compile.ts';
import { importsOf, sidecarFor } from '../../compile/emit/imports.ts';
import { shapesOf } from '../../compile/emit/shape.ts';
import type { Mesh } from '../../model/mesh.ts';
import type { Provenance } from '../../model/provenance.ts';
import type { Service } from '../../model/service.ts';
import type { Sidecar } from '../../model/sidecar.ts';

export interface Hidden {
  readonly by: Sidecar;
  /** True where it is seen at another port. */
  readonly isElsewhere: boolean;
  /** Where that is written: the listener of the port, else the Sidecar. */
  readonly origin: Provenance;
}

/** What hides `port` of `service` from the application of `node`; undefined where it is seen. */
export function hiddenFrom(mesh: Mesh, node: ProxyNode, { hostname, ports }: Service, port: number): Hidden | undefined {
  const by = sidecarFor(mesh.sidecars, mesh.settings.rootNamespace, node);
  if (by === undefined) return undefined;
  const imports = importsOf(shapesOf(mesh.services, mesh.settings), mesh.routes, node.namespace, by);
  if (!imports.visible.called.has(hostname)) return { by, isElsewhere: false, origin: by.origin };
  const own = imports.ports.find(({ listener }) => listener.port.number === port);
  const isSeen = (own ?? imports).called.get(hostname)?.ports.some(({ number }) => number === port) === true;
  if (isSeen || ports.every(({ number }) => number !== port)) return undefined;
  return { by, isElsewhere: true, origin: (own?.listener ?? by).origin };
}

/** Who hides it, for a sentence: `Sidecar shop/default`. */
export function hiderText({ by }: Hidden): string {
  return `Sidecar ${by.namespace}/${by.name}`;
}
