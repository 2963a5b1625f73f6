/** `/` for browsers and `/help` for terminals: what there is. */
import type { AdminAnswer, AdminEndpoint } from './endpoint.ts';

function escapeHtml(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** The list as text. */
export function helpPage(endpoints: readonly AdminEndpoint[]): AdminAnswer {
  const lines = endpoints.map(({ path, method, help }) => `  ${path}${method === 'POST' ? ' (POST)' : ''}: ${help}\n`);
  return { status: 200, type: 'text/plain; charset=utf-8', body: `admin commands are:\n${lines.join('')}` };
}

/** The list as a page: links for what only reads, buttons for what changes something. */
export function homePage(endpoints: readonly AdminEndpoint[]): AdminAnswer {
  const rows = endpoints.map(({ path, method, help }) => {
    const act = `<form action="${path.slice(1)}" method="post"><button>${path}</button></form>`;
    return `<tr><td>${method === 'POST' ? act : `<a href="${path.slice(1)}">${path}</a>`}</td><td>${escapeHtml(help)}</td></tr>`;
  });
  const body = `<!doctype html><title>Tulle admin</title><table>${rows.join('')}</table>\n`;
  return { status: 200, type: 'text/html; charset=utf-8', body };
}
