/**
 * Prices by gRPC, `shop.Prices/Get`, with no more than HTTP/2: what a library would do for a unary call.
 *
 *   service Prices { rpc Get(Product) returns (Price); }
 *   message Product { string id = 1; }
 *   message Price { uint32 cents = 1; }
 */
import http2 from 'node:http2';

const OK = 0;
const UNIMPLEMENTED = 12;

/** A message as gRPC frames it: not compressed, its length, its bytes. */
function framed(message) {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Field 1 as a varint (Protocol Buffers). */
function priceMessage(cents) {
  const bytes = [0x08];
  let left = cents;
  for (; left > 127; left >>>= 7) bytes.push((left & 127) | 128);
  return Buffer.from([...bytes, left]);
}

/** Answers a call; a status that is not OK comes without a message. */
function answer(stream, path, request) {
  const isKnown = path === '/shop.Prices/Get';
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(isKnown ? OK : UNIMPLEMENTED) }));
  // five bytes of frame, two of field 1, then the product's id
  const id = Number(request.subarray(7).toString());
  stream.end(isKnown ? framed(priceMessage(100 * id + 90)) : undefined);
}

const server = http2.createServer();
server.on('stream', (stream, { ':path': path = '' }) => {
  const pieces = [];
  stream.on('data', (piece) => pieces.push(piece));
  stream.on('end', () => answer(stream, path, Buffer.concat(pieces)));
  stream.on('error', () => {});
});
server.listen(Number(process.env['PORT'] ?? 9083), process.env['HOST'] ?? '0.0.0.0');
process.on('SIGTERM', () => process.exit(0));
