/** What one client has asked for of one type, has been sent, and has said to it. No order, no messages. */

/** A resource ready to be sent. */
export interface XdsResource {
  readonly name: string;
  /** Changes exactly when `bytes` changes. */
  readonly version: string;
  /** The encoded message: the value of its Any. */
  readonly bytes: Uint8Array;
}

/** Resources of one type by name. */
export type TypeResources = ReadonlyMap<string, XdsResource>;

export interface Rejection {
  readonly message: string;
  /** Names in the response that was rejected. */
  readonly resources: readonly string[];
}

interface Outstanding {
  readonly nonce: string;
  readonly version: string;
  readonly resources: readonly string[];
}

/** State of one type on one stream. */
export class Subscription {
  readonly typeUrl: string;
  isWildcard = false;
  readonly names = new Set<string>();
  /** Version of each resource that the client has, as far as we sent it or it said so. */
  readonly sent = new Map<string, string>();
  /** Names the client was told do not exist. */
  readonly absent = new Set<string>();
  sentVersion = '';
  lastNonce = '';
  ackedVersion = '';
  rejection: Rejection | undefined;
  /** Counts for reports. */
  rejectionsTotal = 0;
  #outstanding: Outstanding[] = [];

  constructor(typeUrl: string) {
    this.typeUrl = typeUrl;
  }

  wants(name: string): boolean {
    return this.isWildcard || this.names.has(name);
  }

  /** True while the client owes an answer. */
  get isOutstanding(): boolean {
    return this.#outstanding.length > 0;
  }

  /** Notes a response; one that is `isReplacing` (state of the world) makes answers to those before it stale. */
  noteSent(nonce: string, version: string, resources: readonly string[], isReplacing: boolean): void {
    if (isReplacing) this.#outstanding = [];
    this.#outstanding.push({ nonce, version, resources });
    this.sentVersion = version;
    this.lastNonce = nonce;
  }

  /**
   * The client's answer to the response `nonce`; `error` is its reason for rejecting. False where no such response is
   * open: the answer is to one that was replaced since, or that we never sent.
   */
  answer(nonce: string, error: string | undefined): boolean {
    const at = this.#outstanding.findIndex((open) => open.nonce === nonce);
    const open = this.#outstanding[at];
    if (open === undefined) return false;
    this.#outstanding.splice(at, 1);
    if (error === undefined) {
      this.ackedVersion = open.version;
      this.rejection = undefined;
    } else {
      this.rejection = { message: error, resources: open.resources };
      this.rejectionsTotal += 1;
    }
    return true;
  }

  /** Resources that the client wants and does not have in this version, by name; `again` are sent regardless. */
  changed(resources: TypeResources, again: ReadonlySet<string>): XdsResource[] {
    const changed: XdsResource[] = [];
    const consider = (resource: XdsResource): void => {
      if (again.has(resource.name) || this.sent.get(resource.name) !== resource.version) changed.push(resource);
    };
    if (this.isWildcard) for (const resource of resources.values()) consider(resource);
    else {
      for (const name of this.names) {
        const resource = resources.get(name);
        if (resource !== undefined) consider(resource);
      }
    }
    return changed;
  }

  /** Names the client has, or asked for and was not told about, that do not exist. */
  gone(resources: TypeResources): string[] {
    const gone: string[] = [];
    for (const name of this.sent.keys()) if (!resources.has(name)) gone.push(name);
    for (const name of this.names) {
      if (!resources.has(name) && !this.sent.has(name) && !this.absent.has(name)) gone.push(name);
    }
    return gone;
  }

  noteDelivered(resources: readonly XdsResource[], removed: readonly string[]): void {
    for (const { name, version } of resources) {
      this.sent.set(name, version);
      this.absent.delete(name);
    }
    for (const name of removed) {
      this.sent.delete(name);
      if (this.names.has(name)) this.absent.add(name);
    }
  }

  forget(name: string): void {
    this.names.delete(name);
    this.sent.delete(name);
    this.absent.delete(name);
  }
}
