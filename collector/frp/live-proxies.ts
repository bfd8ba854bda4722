// The proxies that each user has now, as far as frps told. It tells the end of one in the background and may fail to, so a name that
// comes again replaces what was known of it, and a session that was not heard of for long does not count.

/** frps ends a session that sends no heartbeat for 90 s (`frps-config` writes that). */
const SESSION_SILENT_MS = 120_000;
const USERS_MAX = 10_000;
const SESSIONS_MAX = 10_000;

export class LiveProxies {
  /** By user, then by name: the run id of its session. */
  readonly #users = new Map<string, Map<string, string>>();
  /** When a session was last heard of, by run id, the oldest first. */
  readonly #heard = new Map<string, number>();

  /** A session spoke. */
  heard(run_id: string, mono_ms: number): void {
    this.#heard.delete(run_id);
    this.#heard.set(run_id, mono_ms);
    forgetOldest(this.#heard, SESSIONS_MAX);
  }

  /** How many others than `names` a user has. */
  others(user: string, names: readonly string[], mono_ms: number): number {
    const proxies = this.#users.get(user) ?? new Map<string, string>();
    for (const [name, run_id] of proxies) {
      const heard_ms = this.#heard.get(run_id);
      if (heard_ms === undefined || mono_ms - heard_ms > SESSION_SILENT_MS) proxies.delete(name);
    }
    return [...proxies.keys()].filter((name) => !names.includes(name)).length;
  }

  /** The caller has seen to it that the user has few. */
  opened(user: string, name: string, run_id: string): void {
    const proxies = this.#users.get(user) ?? new Map<string, string>();
    this.#users.delete(user);
    this.#users.set(user, proxies.set(name, run_id));
    forgetOldest(this.#users, USERS_MAX);
  }

  /** Of this session only: the same name may be a newer session's already. */
  closed(user: string, name: string, run_id: string): void {
    const proxies = this.#users.get(user);
    if (proxies?.get(name) === run_id) proxies.delete(name);
    if (proxies?.size === 0) this.#users.delete(user);
  }
}

function forgetOldest(map: Map<string, unknown>, max: number): void {
  const [oldest] = map.keys();
  if (map.size > max && oldest !== undefined) map.delete(oldest);
}
