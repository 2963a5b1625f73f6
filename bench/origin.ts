/** The servers behind every proxy: nginx with one worker for HTTP/1.1, nghttpd for gRPC. */
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { accepting, start, stop } from './processes.ts';

const HTTP_PORT = 20_999;
const GRPC_PORT = 20_998;

export const BULK_MIB = 100;
export const BULK_PATH = '/bulk/body';
/** nghttpd takes content types from names of files, hence the end of the method's name. */
export const GRPC_PATH = '/shop.v1.Reviews/Get.grpc';

export interface Origins {
  readonly httpPort: number;
  readonly grpcPort: number;
  stop(): Promise<void>;
}

/** Ten response headers and a body of 100 bytes; the large body below `/bulk/`. */
function nginxConfig(folder: string): string {
  const headers = [
    'Cache-Control "private, max-age=0"',
    'ETag "5d8c72a5edda8"',
    'Vary "Accept-Encoding"',
    'X-Content-Type-Options nosniff',
    'X-Frame-Options DENY',
    'Content-Language en',
  ]
    .map((header) => `add_header ${header};`)
    .join(' ');
  // the worker must be able to read the folder
  return `daemon off; user ${os.userInfo().username}; worker_processes 1; pid ${folder}/origin.pid; error_log ${folder}/origin.log error;
events { worker_connections 4096; }
http { access_log off; sendfile on; keepalive_requests 100000000; client_body_temp_path ${folder}/ob; proxy_temp_path ${folder}/op; fastcgi_temp_path ${folder}/of; uwsgi_temp_path ${folder}/ou; scgi_temp_path ${folder}/os;
server { listen 127.0.0.1:${HTTP_PORT} backlog=4096; location /bulk/ { root ${folder}/files; } location / { default_type application/json; ${headers} return 200 '${JSON.stringify({ item: 42, text: 'x'.repeat(78) })}'; } } }\n`;
}

/** A gRPC message of 24 bytes in a file, answered to every call with the trailers of success. */
function grpcArgs(folder: string): string[] {
  const files = path.join(folder, 'grpc');
  mkdirSync(path.join(files, path.dirname(GRPC_PATH)), { recursive: true });
  writeFileSync(path.join(files, GRPC_PATH), Buffer.concat([Buffer.from([0, 0, 0, 0, 24]), Buffer.alloc(24, 0x2b)]));
  writeFileSync(path.join(folder, 'mime.types'), 'application/grpc grpc\n');
  const trailers = ['--trailer=grpc-status: 0', '--trailer=grpc-message: OK'];
  const options = [
    '--no-tls',
    '--no-content-length',
    '-a',
    '127.0.0.1',
    '-m',
    '1000',
    '--mime-types-file',
    path.join(folder, 'mime.types'),
  ];
  return [...options, ...trailers, '-d', files, String(GRPC_PORT)];
}

/** Starts the servers. */
export async function startOrigins(folder: string, log: number): Promise<Origins> {
  mkdirSync(path.join(folder, 'files/bulk'), { recursive: true });
  const body = path.join(folder, 'files', BULK_PATH);
  writeFileSync(body, '');
  truncateSync(body, BULK_MIB * 1024 * 1024);
  writeFileSync(path.join(folder, 'origin.conf'), nginxConfig(folder));
  const children = [
    start('nginx', ['-c', `${folder}/origin.conf`, '-e', `${folder}/origin.log`], log),
    start('nghttpd', grpcArgs(folder), log),
  ];
  await Promise.all([accepting(HTTP_PORT), accepting(GRPC_PORT)]);
  return { httpPort: HTTP_PORT, grpcPort: GRPC_PORT, stop: async () => void (await Promise.all(children.map((child) => stop(child)))) };
}
