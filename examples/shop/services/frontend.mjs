/** The page's backend: gathers a product from three services, and sells it through a fourth. */
import { call, serve } from './http.mjs';

serve(8000, async (method, url, headers) => {
  if (url.pathname === '/healthz') return { body: { ok: true } };
  if (method === 'POST' && url.pathname === '/checkout') {
    const charge = await call('http://payments:9090/charge', headers, 'POST');
    return { status: charge.status, body: charge.body };
  }
  const id = url.pathname.split('/')[2] ?? '1';
  const [product, reviews, stock] = await Promise.all([
    call(`http://catalog:9080/products/${id}`, headers),
    call(`http://reviews:9081/reviews/${id}`, headers),
    call(`http://inventory:9082/stock/${id}`, headers),
  ]);
  const ok = product.status === 200 && reviews.status === 200;
  return { status: ok ? 200 : 502, body: { product, reviews, stock } };
});
