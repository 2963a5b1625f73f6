/** TLS to hosts outside of which nothing but the chain to a public CA is checked, or not even that. */
import type { ClientTls } from '../../../model/traffic-policy.ts';
import type { Check } from '../finding.ts';
import { policyBlocks } from '../routes.ts';

function problemOf({ mode, insecureSkipVerify, caCertificates, credentialName, subjectAltNames }: ClientTls, names: readonly string[]) {
  if (mode !== 'SIMPLE' && mode !== 'MUTUAL') return undefined;
  if (insecureSkipVerify) return "the server's certificate is not checked: anyone on the way can read and change what is sent";
  if (caCertificates !== '' || credentialName !== '' || subjectAltNames.length > 0 || names.length > 0) return undefined;
  return 'any certificate of a public CA passes for the server, whatever name it is for';
}

export const serverCertificates: Check = {
  name: 'server-certificates',
  looksAt: ['DestinationRule', 'ServiceEntry'],
  codes: ['IST0128', 'IST0129'],
  run(world, say) {
    for (const rule of world.mesh.destinationPolicies) {
      for (const { policy, port } of policyBlocks(rule)) {
        if (policy.tls === undefined) continue;
        const names = world.servicesOf(rule.host).flatMap(({ subjectAltNames }) => subjectAltNames);
        const problem = problemOf(policy.tls, names);
        if (problem === undefined) continue;
        const place = world.documents.placeOf(policy.origin, 'tls');
        if (port === undefined) say('IST0128', place, `TLS to "${rule.host}": ${problem}`);
        else say('IST0129', place, `TLS to port ${port} of "${rule.host}": ${problem}`);
      }
    }
  },
};
