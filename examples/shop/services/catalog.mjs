/** Products. Flaky on purpose: every third answer is 503, though never twice in a row for the same product. */
import { serve } from './http.mjs';

let asked = 0;
let failed = 0;
const failing = new Set();

serve(9080, (_method, url) => {
  if (url.pathname === '/healthz') return { body: { ok: true } };
  if (url.pathname === '/counts') return { body: { asked, failed } };
  asked++;
  if (asked % 3 === 0 && !failing.has(url.pathname)) {
    failed++;
    failing.add(url.pathname);
    return { status: 503, body: { error: 'catalog is having a moment' } };
  }
  failing.delete(url.pathname);
  return { body: { id: url.pathname.split('/')[2], name: 'tulle, 1 m', price: 1290 } };
});
