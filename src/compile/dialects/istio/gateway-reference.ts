/** Names of Gateways as VirtualServices write them, made whole: `mesh` stays, `name` and `./name` get the namespace. */
export function resolveGateways(written: readonly string[], namespace: string): readonly string[] {
  return written.map((reference) => resolveGateway(reference, namespace));
}

function resolveGateway(reference: string, namespace: string): string {
  if (reference === 'mesh') return reference;
  if (reference.startsWith('./')) return `${namespace}/${reference.slice(2)}`;
  if (reference.includes('/')) return reference;
  // The old form is a host name, gateway.namespace.svc.domain.
  const parts = reference.split('.');
  const [name = '', other = ''] = parts;
  return parts.length > 2 && parts[2] === 'svc' ? `${other}/${name}` : `${namespace}/${reference}`;
}
