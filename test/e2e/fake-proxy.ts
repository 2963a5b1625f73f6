/**
 * `tulle` with a proxy that only answers its admin interface and logs what it is asked, so that supervision can be
 * tested by itself.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { main } from '../../src/cli/main.ts';

function serveAdmin(bootstrapFile: string): void {
  const bootstrap: { admin: { address: { pipe: { path: string } } } } = JSON.parse(readFileSync(bootstrapFile, 'utf8'));
  createServer((request, response) => {
    if (request.method === 'POST') console.log(`asked ${request.url}`);
    response.end();
  }).listen(bootstrap.admin.address.pipe.path);
}

const [command, , file = ''] = process.argv.slice(2);
if (command === 'proxy') serveAdmin(file);
else await main(process.argv.slice(2));
