/** Payments, for machines without Python: the twin of payments.py. */
import { serve } from './http.mjs';

serve(9090, (method, url) => {
  if (url.pathname === '/healthz') return { body: { ok: true } };
  if (method === 'POST' && url.pathname === '/charge') return { status: 201, body: { charged: 1290, by: 'javascript' } };
  if (url.pathname === '/ledger') return { body: { entries: [1290] } };
  return { status: 404, body: { error: 'no such thing' } };
});
