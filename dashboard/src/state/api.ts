/** Calls of the control plane. What they answer is of the shapes of `src/model` and of the admin API (ARCHITECTURE.md). */

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The error of an answer, in its own words. */
async function errorOf(response: Response): Promise<Error> {
  const text = await response.text();
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'error' in value) return new Error(String(value.error));
  } catch {
    // no JSON: shown as it is
  }
  return new Error(`${response.status} ${text.slice(0, 200)}`);
}

/** Calls it. Browsers say no more than "Failed to fetch" of what does not answer. */
async function called(path: string, init: RequestInit): Promise<Response> {
  const response = await fetch(path, init).catch((error: unknown) => {
    if (!(error instanceof TypeError)) throw error;
    throw new Error('The control plane does not answer. Does tulle up, or tulle control, still run? This page goes on once it does.', {
      cause: error,
    });
  });
  // the session ended with the control plane's process
  if (response.status === 401) location.assign(`/login?to=${encodeURIComponent(`${location.pathname}${location.search}`)}`);
  if (!response.ok) throw await errorOf(response);
  return response;
}

/** `GET path`, parsed; what comes is trusted to be what the control plane of the same version says. */
export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await called(path, signal === undefined ? {} : { signal });
  return (await response.json()) as T;
}

/** `GET path` as text. */
export async function getText(path: string): Promise<string> {
  return (await called(path, {})).text();
}

/** `POST path`. */
export async function postJson<T>(path: string, body: object): Promise<T> {
  const headers = { 'content-type': 'application/json' };
  const response = await called(path, { method: 'POST', headers, body: JSON.stringify(body) });
  return (await response.json()) as T;
}

/** The lines of a streaming answer, parsed, until it ends or is aborted. */
export async function* streamLines<T>(path: string, signal: AbortSignal): AsyncGenerator<T> {
  const response = await called(path, { signal });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done) return;
    const lines = `${rest}${value}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as T;
  }
}
