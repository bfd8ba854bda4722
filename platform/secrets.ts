// Secrets are registered once, where they are read, and removed from every line that leaves the process: logs, reports,
// error texts. Also in the forms they take on the way: base64, base64url, percent-encoded, JSON-escaped.
const shownAs = new Map<string, string>();
let pattern: RegExp | null = null;

/** Shorter values ("x", the customary pool password) would blacken half of every log, and protect nothing. */
const MIN_CHARS = 4;

/** Registers a secret: from now on `scrub` removes it and its encodings. Values under 4 characters are not secrets. */
export function registerSecret(value: string): void {
  if (value.length < MIN_CHARS || shownAs.has(value)) return;
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
  for (const form of of) if (form.length >= MIN_CHARS) shownAs.set(form, '***');
  compile();
}

/** Registers a wallet: no secret, but it is shown as `maskWallet` does it. Names too short to mask stay as they are. */
export function registerWallet(wallet: string): void {
  const masked = maskWallet(wallet);
  if (masked === wallet || shownAs.has(wallet)) return;
  shownAs.set(wallet, masked);
  compile();
}

function compile(): void {
  // Longest first: a secret may contain another.
  const all = [...shownAs.keys()].toSorted((a, b) => b.length - a.length);
  pattern = new RegExp(all.map((form) => RegExp.escape(form)).join('|'), 'g');
}

/** Forgets all secrets. For tests. */
export function forgetSecrets(): void {
  shownAs.clear();
  pattern = null;
}

/** The text with every registered secret replaced by `***`, and every registered wallet masked. */
export function scrub(text: string): string {
  return pattern === null ? text : text.replace(pattern, (form) => shownAs.get(form) ?? '***');
}

/**
 * `scrub` for every string inside a JSON-like value. Keys are left alone, and so are the values of the keys in `words`: they are
 * words of a protocol, and a password that happens to be such a word would make the whole message unreadable.
 */
export function scrubDeep<T>(value: T, words: ReadonlySet<string> = new Set()): T {
  if (typeof value === 'string') return scrub(value) as T;
  if (Array.isArray(value)) return value.map((v: unknown) => scrubDeep(v, words)) as T;
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([k, v]) => [k, words.has(k) ? v : scrubDeep<unknown>(v, words)]),
    ) as T;
  }
  return value;
}

/** A wallet for a log or a page: first 6 … last 4. */
export function maskWallet(wallet: string): string {
  return wallet.length <= 12 ? wallet : `${wallet.slice(0, 6)}…${wallet.slice(-4)}`;
}
