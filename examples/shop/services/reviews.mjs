/** Reviews of a product; $VERSION says which release this is. */
import { serve } from './http.mjs';

const version = process.env['VERSION'] ?? 'v1';

serve(9081, (_method, url, headers) => {
  if (url.pathname === '/healthz') return { body: { ok: true } };
  return {
    body: {
      version,
      stars: version === 'v2' ? [5, 4, 5] : undefined,
      text: ['light as air', 'frays a little'],
      traceparent: headers['traceparent'],
    },
  };
});
