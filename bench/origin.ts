import { writeFileSync } from 'node:fs';
import { accepting, start, stop } from './processes.ts';

const PORT = 20_999;

/** The server behind every proxy: nginx with one worker, ten response headers and a body of 100 bytes. */
export async function startOrigin(folder: string, log: number): Promise<{ readonly port: number; stop(): Promise<void> }> {
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
  writeFileSync(
    `${folder}/origin.conf`,
    `daemon off; worker_processes 1; pid ${folder}/origin.pid; error_log ${folder}/origin.log error;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 100000000; client_body_temp_path ${folder}/ob; proxy_temp_path ${folder}/op; fastcgi_temp_path ${folder}/of; uwsgi_temp_path ${folder}/ou; scgi_temp_path ${folder}/os;
server { listen 127.0.0.1:${PORT} backlog=1024; location / { default_type application/json; ${headers} return 200 '${JSON.stringify({ item: 42, text: 'x'.repeat(78) })}'; } } }\n`,
  );
  const child = start('nginx', ['-c', `${folder}/origin.conf`, '-e', `${folder}/origin.log`], log);
  await accepting(PORT);
  return { port: PORT, stop: () => stop(child) };
}
