/** Stock. The instance that is started with FAILING=1 answers 500 to everything but its probe. */
import { serve } from './http.mjs';

const failing = process.env['FAILING'] === '1';
const name = process.env['NAME'] ?? 'inventory';

serve(9082, (_method, url) => {
  if (url.pathname === '/healthz') return { body: { ok: true } };
  if (failing) return { status: 500, body: { error: 'disk is full', instance: name } };
  return { body: { id: url.pathname.split('/')[2], pieces: 12, instance: name } };
});
