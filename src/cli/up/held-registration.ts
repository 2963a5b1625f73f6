/**
 * An instance without a proxy, as the control plane knows it: nobody's stream speaks for it, so it is put there by
 * whoever runs it, again and again, for as long as it runs.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Workload } from '../../model/workload.ts';
import { callControl } from '../admin-client.ts';
import type { StateDir } from '../state-dir.ts';
import type { Place } from './place.ts';

/** Well below the time for which the control plane believes it. */
const RENEW_MS = 4_000;
const RETRY_MS = 200;

/** The registration of `instance`, from the first `report` to `release`. */
export class HeldRegistration {
  readonly #state: StateDir;
  readonly #call: string;
  readonly #facts: object;
  #isReady = false;
  #wake = new AbortController();
  #renewing: Promise<void> | undefined;
  #isReleased = false;

  constructor(state: StateDir, workload: Workload, instance: string, place: Place) {
    const { name, namespace, serviceAccount, labels, locality } = workload;
    this.#state = state;
    this.#call = `/api/instances/${namespace}/${instance}`;
    // without a proxy before it, peers reach the application itself
    const ports = place.ports.map(({ appPort, ...port }) => ({ ...port, listen: appPort ?? port.number }));
    this.#facts = { workload: name, serviceAccount, labels, locality, address: place.addresses[0], ports };
  }

  /** Says whether it takes calls. */
  report(isReady: boolean): void {
    this.#isReady = isReady;
    if (this.#renewing === undefined) this.#renewing = this.#renew();
    else this.#wake.abort();
  }

  /** Takes it away. */
  async release(): Promise<void> {
    this.#isReleased = true;
    this.#wake.abort();
    await this.#renewing;
    // a control plane that is gone forgets it by itself
    await callControl(this.#state, this.#call, { method: 'DELETE' }).catch(() => undefined);
  }

  async #renew(): Promise<void> {
    while (!this.#isReleased) {
      this.#wake = new AbortController();
      const body = { ...this.#facts, isReady: this.#isReady };
      const isKnown = await callControl(this.#state, this.#call, { method: 'PUT', body }).then(
        () => true,
        () => false,
      );
      await delay(isKnown ? RENEW_MS : RETRY_MS, undefined, { signal: this.#wake.signal }).catch(() => undefined);
    }
  }
}
