/** Numbers of cipher suites by OpenSSL's names, of those that a proxy can be told to take. Source: IANA, TLS Cipher Suites. */
const IDS: ReadonlyMap<string, number> = new Map([
  ['TLS_AES_128_GCM_SHA256', 0x1301],
  ['TLS_AES_256_GCM_SHA384', 0x1302],
  ['TLS_CHACHA20_POLY1305_SHA256', 0x1303],
  ['ECDHE-ECDSA-AES128-GCM-SHA256', 0xc02b],
  ['ECDHE-ECDSA-AES256-GCM-SHA384', 0xc02c],
  ['ECDHE-RSA-AES128-GCM-SHA256', 0xc02f],
  ['ECDHE-RSA-AES256-GCM-SHA384', 0xc030],
  ['ECDHE-RSA-CHACHA20-POLY1305', 0xcca8],
  ['ECDHE-ECDSA-CHACHA20-POLY1305', 0xcca9],
  ['ECDHE-ECDSA-AES128-SHA', 0xc009],
  ['ECDHE-ECDSA-AES256-SHA', 0xc00a],
  ['ECDHE-RSA-AES128-SHA', 0xc013],
  ['ECDHE-RSA-AES256-SHA', 0xc014],
  ['AES128-GCM-SHA256', 0x009c],
  ['AES256-GCM-SHA384', 0x009d],
  ['AES128-SHA', 0x002f],
  ['AES256-SHA', 0x0035],
]);

/** Undefined for one that is not known. */
export function cipherId(name: string): number | undefined {
  return IDS.get(name);
}
