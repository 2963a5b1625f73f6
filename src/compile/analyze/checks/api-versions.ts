/** Versions of APIs that newer ones have replaced. */
import { dialects } from '../../dialects/index.ts';
import type { Check } from '../finding.ts';

export const apiVersions: Check = {
  name: 'api-versions',
  looksAt: ['every kind'],
  codes: ['TUL224'],
  run(world, say) {
    for (const { apiVersion, kind, originOf } of [...world.documents.withText('/v1alpha'), ...world.documents.withText('/v1beta')]) {
      if (!/\/v1(alpha|beta)\d+$/.test(apiVersion)) continue;
      const own = dialects.find((dialect) => dialect.kind === kind && dialect.apiVersions.includes(apiVersion));
      const newest = own?.apiVersions[0];
      if (newest === undefined || newest === apiVersion) continue;
      say('TUL224', originOf('apiVersion'), `${kind} is written as ${apiVersion}`, { hint: `Write ${newest}.` });
    }
  },
};
