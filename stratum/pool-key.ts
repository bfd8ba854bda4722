// Whose key a pool's is. Pools sign their own certificates, so authorities seldom tell; what a pool showed first is remembered.

/** Keys of pools (base64 SHA-256 of the SPKI) by `host:port`. */
export interface KeyMemory {
  get(endpoint: string): Promise<string | null>;
  /** Best effort: what cannot be kept is trusted on first use again. */
  set(endpoint: string, spki_sha256: string): Promise<void>;
}

export interface KeyFacts {
  spki_sha256: string;
  /** Signed by a public authority for the pool's own name, and in force. */
  isCertified: boolean;
  /** One of these must be it; [] = none named. */
  pins: readonly string[];
  /** Seen before at this endpoint; null at the first time. */
  known: string | null;
}

/**
 * Pins alone decide where there are any. Else a key is good when it is the remembered one, when none is remembered, or when an
 * authority vouches for it; the last two are remembered. A changed key that nobody vouches for may be a censor's: refused.
 */
export function judgeKey({ spki_sha256, isCertified, pins, known }: KeyFacts): 'good' | 'good_new' | 'wrong' {
  if (pins.length > 0) return pins.includes(spki_sha256) ? 'good' : 'wrong';
  if (known === spki_sha256) return 'good';
  return known === null || isCertified ? 'good_new' : 'wrong';
}

/** A memory that ends with the process. */
export class VolatileKeys implements KeyMemory {
  readonly #keys = new Map<string, string>();

  get(endpoint: string): Promise<string | null> {
    return Promise.resolve(this.#keys.get(endpoint) ?? null);
  }

  set(endpoint: string, spki_sha256: string): Promise<void> {
    this.#keys.set(endpoint, spki_sha256);
    return Promise.resolve();
  }
}
