/**
 * Where exceptions go that nobody expected. Whoever catches one ends what it was doing (a connection, a timer's call)
 * and reports it here; by default it is thrown again from the event loop, which ends the process: right for tests.
 */
let report = (error: unknown): void => {
  queueMicrotask(() => {
    throw error;
  });
};

/** Says what is done with bugs from now on: a proxy logs and counts them, and goes on. */
export function setBugReporter(reporter: (error: unknown) => void): void {
  report = reporter;
}

/** Reports an exception that nobody expected. */
export function reportBug(error: unknown): void {
  report(error);
}
