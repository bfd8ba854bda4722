// Secrets are registered once, where they are read, and removed from every line that leaves the process: logs, reports,
// error texts. Also in the forms they take on the way: base64, base64url, percent-encoded, JSON-escaped.
const forms = new Map<string, Set<string>>();
let pattern: RegExp | null = null;

/** Shorter values ("x", the customary pool password) would blacken half of every log, and protect nothing. */
const MIN_CHARS = 4;

/** Registers a secret: from now on `scrub` removes it and its encodings. Values under 4 characters are not secrets. */
export function registerSecret(value: string): void {
  if (value.length < MIN_CHARS || forms.has(value)) return;
  const bytes = Buffer.from(value, 'utf8');
  const of = new Set([value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)]);
  // Inside a longer text (`user:password` of a Basic login) a secret's base64 depends on where it begins, in steps of three
  // bytes. Characters that carry bits of what stands before or behind it are left out.
  for (const encoding of ['base64', 'base64url'] as const) {
    for (const before of [0, 1, 2]) {
      const text = Buffer.concat([Buffer.alloc(before), bytes])
        .toString(encoding)
        .replace(/=+$/, '');
      const mixedEnd = (before + bytes.length) % 3 === 0 ? 0 : 1;
      of.add(text.slice(before === 0 ? 0 : before + 1, text.length - mixedEnd));
    }
  }
  forms.set(value, of);
  const all = [...new Set([...forms.values()].flatMap((set) => [...set]))].filter((f) => f.length >= MIN_CHARS);
  all.sort((a, b) => b.length - a.length); // longest first: a secret may contain another
  pattern = new RegExp(all.map((f) => RegExp.escape(f)).join('|'), 'g');
}

/** Forgets all secrets. For tests. */
export function forgetSecrets(): void {
  forms.clear();
  pattern = null;
}

/** The text with every registered secret replaced by `***`. */
export function scrub(text: string): string {
  return pattern === null ? text : text.replace(pattern, '***');
}

/** `scrub` for every string inside a JSON-like value; keys are left alone. Returns the same value where nothing changed. */
export function scrubDeep<T>(value: T): T {
  if (typeof value === 'string') return scrub(value) as T;
  if (Array.isArray(value)) return value.map((v: unknown) => scrubDeep(v)) as T;
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, scrubDeep<unknown>(v)])) as T;
  }
  return value;
}

/** A wallet for a log or a page: first 6 … last 4. */
export function maskWallet(wallet: string): string {
  return wallet.length <= 12 ? wallet : `${wallet.slice(0, 6)}…${wallet.slice(-4)}`;
}
