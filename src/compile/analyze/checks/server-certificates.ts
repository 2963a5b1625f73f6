/**
 * TLS to hosts outside of which nothing but the chain to a public CA is checked, or not even that. For HTTP without a
 * name of its own the certificate is held to the request's authority.
 */
import { isOpaque, type ServicePort } from '../../../model/service.ts';
import type { ClientTls } from '../../../model/traffic-policy.ts';
import type { Check } from '../finding.ts';
import { policyBlocks } from '../routes.ts';

/** True for ports of bytes; what is called https or tls may be HTTP that the proxy makes TLS of. */
function isBytes({ protocol }: ServicePort): boolean {
  return isOpaque(protocol) && protocol !== 'https' && protocol !== 'tls';
}

function problemOf(tls: ClientTls, names: readonly string[], ports: readonly ServicePort[]): string | undefined {
  const { mode, insecureSkipVerify, caCertificates, credentialName, subjectAltNames, sni } = tls;
  if (mode !== 'SIMPLE' && mode !== 'MUTUAL') return undefined;
  if (insecureSkipVerify) return "the server's certificate is not checked: anyone on the way can read and change what is sent";
  if (caCertificates !== '' || credentialName !== '' || subjectAltNames.length > 0 || names.length > 0) return undefined;
  if (sni === '' && !ports.some(isBytes)) return undefined;
  return 'any certificate of a public CA passes for the server, whatever name it is for';
}

export const serverCertificates: Check = {
  name: 'server-certificates',
  looksAt: ['DestinationRule', 'ServiceEntry'],
  codes: ['IST0128', 'IST0129'],
  run(world, say) {
    for (const rule of world.mesh.destinationPolicies) {
      const blocks = policyBlocks(rule).filter(({ policy }) => policy.tls !== undefined);
      if (blocks.length === 0) continue;
      const services = world.servicesOf(rule.host);
      const names = services.flatMap(({ subjectAltNames }) => subjectAltNames);
      const ports = services.flatMap((service) => service.ports);
      for (const { policy, port } of blocks) {
        const own = ports.filter(({ number }) => (port === undefined ? !policy.ports.has(number) : number === port));
        const problem = policy.tls && problemOf(policy.tls, names, own);
        if (problem === undefined) continue;
        const place = world.documents.placeOf(policy.origin, 'tls');
        if (port === undefined) say('IST0128', place, `TLS to "${rule.host}": ${problem}`);
        else say('IST0129', place, `TLS to port ${port} of "${rule.host}": ${problem}`);
      }
    }
  },
};
