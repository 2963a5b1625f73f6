/**
 * A reporter for node's test runner: the files of which a test failed, a path a line, each once. A file that could not
 * even be loaded, or ran out of time, is among them.
 */
import type { TestEvent } from 'node:test/reporters';

// oxlint-disable-next-line import/no-default-export -- the runner takes only a default export
export default async function* failedFiles(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const told = new Set<string>();
  for await (const event of events) {
    if (event.type !== 'test:fail') continue;
    // a file's own row has no position but its name
    const file = event.data.file ?? event.data.name;
    if (told.has(file)) continue;
    told.add(file);
    yield `${file}\n`;
  }
}
