/** Products. Flaky on purpose: every third answer is 503. */
import { serve } from './http.ts';

let asked = 0;
let failed = 0;

serve(9080, (_method, url) => {
  if (url.pathname === '/healthz') return { body: { ok: true } };
  if (url.pathname === '/counts') return { body: { asked, failed } };
  asked++;
  if (asked % 3 === 0) {
    failed++;
    return { status: 503, body: { error: 'catalog is having a moment' } };
  }
  return { body: { id: url.pathname.split('/')[2], name: 'tulle, 1 m', price: 1290 } };
});
