// Pieces that the addresses of pools and of frps have in common.
import { isIP } from 'node:net';

/** A host's name in lower case. */
export const HOST_NAME =
  /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** The country that a code stands for: machines that say KZ leave through Russian providers (facts/gigaspot.md). */
export function marketCountry(code: string): string {
  return code === 'KZ' ? 'RU' : code;
}

/** Host and port, each null where it is wrong. */
export function readAddress(text: string): { host: string | null; port: number | null } {
  const address = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/.exec(text);
  const host = (address?.[1] ?? address?.[2] ?? '').toLowerCase();
  const isForm = address?.[1] === undefined ? isIP(host) === 4 || HOST_NAME.test(host) : isIP(host) === 6;
  // A name that ends in a number is read as an address by resolvers, and this one is none.
  const isGoodHost = isForm && !(/(?:^|\.)\d+$/.test(host) && isIP(host) === 0);
  return { host: isGoodHost ? host : null, port: readPort(address?.[3] ?? '') };
}

/** 1 to 65535, or null. */
export function readPort(text: string): number | null {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : null;
}

/** `sni=none&tls=1.2` by name. An unknown name is not repeated: it may be a piece of a secret. */
export function readOptions<T extends string>(
  text: string,
  known: readonly T[],
  complaints: string[],
): Partial<Record<T, string>> {
  const found: Partial<Record<T, string>> = {};
  for (const part of text === '' ? [] : text.split('&')) {
    const name = known.find((option) => part.toLowerCase().startsWith(`${option}=`));
    if (name === undefined) complaints.push(`an option after ? is unknown; known are ${known.join(', ')}`);
    else if (found[name] !== undefined) complaints.push(`the option ${name} is given twice`);
    else found[name] = part.slice(name.length + 1);
  }
  return found;
}

/** `login:password`, decoded; or what is wrong with it. */
export function readLogin(text: string | undefined): { login: string | null; password: string | null } | string {
  const colon = text?.indexOf(':') ?? -1;
  const login = decoded(colon === -1 ? text : text?.slice(0, colon));
  const password = decoded(colon === -1 ? undefined : text?.slice(colon + 1));
  if (login === undefined || password === undefined) {
    return 'login and password must be percent-encoded UTF-8 without control characters (% as %25)';
  }
  if (login === '' || (login === null && password !== null)) return 'the login before @ is empty';
  return { login, password };
}

/** `RU,KZ` as countries, each once; null where one is none. */
export function readTags(text: string): string[] | null {
  const tags = text === '' ? [] : text.toUpperCase().split(',');
  return tags.every((tag) => /^[A-Z]{2}$/.test(tag)) ? [...new Set(tags.map((tag) => marketCountry(tag)))] : null;
}

/** A host as it stands in an address. */
export function bracketed(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}

/** Percent-decoding; null for nothing, undefined for what does not decode to printable text. */
export function decoded(text: string | undefined): string | null | undefined {
  if (text === undefined) return null;
  try {
    const plain = decodeURIComponent(text);
    return /\p{Cc}/u.test(plain) ? undefined : plain;
  } catch {
    return undefined;
  }
}
