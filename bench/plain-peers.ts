/** What comes nearest to a sidecar in nginx and haproxy: they forward, and do little of the rest. */
import type { Place } from './peers.ts';

/** The whole configuration of nginx. */
export function nginxConfig({ scenario, hop, listen, upstream, folder }: Place): string {
  const isPair = scenario.hops === 2;
  const server =
    isPair && hop === 1
      ? `listen 127.0.0.1:${listen} ssl; ssl_certificate ${folder}/cert.pem; ssl_certificate_key ${folder}/key.pem; ssl_client_certificate ${folder}/ca.pem; ssl_verify_client on; ssl_protocols TLSv1.3;`
      : `listen 127.0.0.1:${listen};`;
  const pass =
    isPair && hop === 0
      ? `proxy_pass https://up; proxy_ssl_certificate ${folder}/cert.pem; proxy_ssl_certificate_key ${folder}/key.pem; proxy_ssl_trusted_certificate ${folder}/ca.pem; proxy_ssl_verify off; proxy_ssl_protocols TLSv1.3;`
      : 'proxy_pass http://up;';
  return `daemon off; worker_processes 1; pid ${folder}/nginx-${listen}.pid; error_log ${folder}/nginx.log error;
events { worker_connections 4096; }
http { access_log off; client_body_temp_path ${folder}/b; proxy_temp_path ${folder}/p; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s; keepalive_requests 10000000;
upstream up { server 127.0.0.1:${upstream}; keepalive 256; keepalive_requests 10000000; }
server { ${server} location / { ${pass} proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; proxy_set_header X-Request-Id $request_id; } } }\n`;
}

/** The whole configuration of haproxy. */
export function haproxyConfig({ scenario, hop, listen, upstream, folder }: Place): string {
  const isPair = scenario.hops === 2;
  const tls = ` ssl crt ${folder}/both.pem ca-file ${folder}/ca.pem verify required ssl-min-ver TLSv1.3`;
  const mode = scenario.ends === 'tcp' ? 'tcp' : 'http';
  const ids = ' http-reuse always\n unique-id-format %{+X}o%ci%cp%Ts%rt\n unique-id-header X-Request-ID\n';
  return `global\n nbthread 1\n maxconn 4096\n stats socket ${folder}/haproxy-${listen}.sock\ndefaults\n mode ${mode}\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n${mode === 'http' ? ids : ''}frontend f\n bind 127.0.0.1:${listen}${isPair && hop === 1 ? tls : ''}\n default_backend b\nbackend b\n server s 127.0.0.1:${upstream}${isPair && hop === 0 ? tls : ''}\n`;
}
