/** Secrets with the certificates that clients show: in no namespace at all, nobody can show them. */
import type { Check } from '../finding.ts';
import { policyBlocks } from '../routes.ts';

export const clientCredentials: Check = {
  name: 'client-credentials',
  looksAt: ['DestinationRule', 'Secret'],
  codes: ['IST0101'],
  run({ mesh, documents }, say) {
    const declared = new Set([...mesh.secrets, ...documents.ofKinds('Secret')].map(({ name }) => name));
    for (const rule of mesh.destinationPolicies) {
      for (const { policy } of policyBlocks(rule)) {
        const name = policy.tls?.credentialName ?? '';
        if (name === '' || policy.tls?.mode !== 'MUTUAL' || declared.has(name)) continue;
        const place = documents.placeOf(policy.origin, 'tls.credentialName');
        say('IST0101', place, `there is no Secret "${name}" in any namespace: TLS handshakes with "${rule.host}" fail`);
      }
    }
  },
};
