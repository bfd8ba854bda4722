// The address of a pool as a setting: stratum+tcp://login:password@host:port#RU,KZ
import { isIP } from 'node:net';

/** Schemes that the relay can dial. */
const POOL_SCHEMES = ['stratum+tcp'] as const;

/** One endpoint of a pool, taken apart. */
export interface PoolUrl {
  scheme: (typeof POOL_SCHEMES)[number];
  /** Name in lower case, or an address without brackets. */
  host: string;
  port: number;
  /** The endpoint's own login, which replaces the miner's. The password is a secret. */
  login: string | null;
  password: string | null;
  /** Country tags, upper case, as written. */
  tags: string[];
  /** `scheme://host:port`, without login and tags: may be shown and reported. */
  url: string;
}

/** Spellings in use among miners. */
const SCHEME_ALIASES: Record<string, string> = { stratum: 'stratum+tcp', tcp: 'stratum+tcp' };
const HOST_NAME =
  /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
// The login reaches to the last @, because passwords carry any character; host and port hold no @.
const FORM = /^([a-z][a-z0-9+.-]*):\/\/(?:(.*)@)?([^@#]*?)\/?(?:#(.*))?$/i;

/** Takes a pool's address apart, or says everything that is wrong with it, in words that repeat no login. */
export function parsePoolUrl(text: string): { pool: PoolUrl } | { complaints: string[] } {
  const form = FORM.exec(text.trim());
  if (form === null) return { complaints: ['must look like stratum+tcp://host:port'] };
  const [, schemeText = '', userinfo, authority = '', tagText] = form;
  const complaints: string[] = [];

  const spelled = schemeText.toLowerCase();
  const wanted = SCHEME_ALIASES[spelled] ?? spelled;
  const scheme = POOL_SCHEMES.find((s) => s === wanted);
  if (scheme === undefined) {
    complaints.push(`the scheme ${spelled} is not supported; this version speaks ${POOL_SCHEMES.join(', ')}`);
  }

  const address = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/.exec(authority);
  const host = (address?.[1] ?? address?.[2] ?? '').toLowerCase();
  const isGoodHost = address?.[1] === undefined ? isIP(host) === 4 || HOST_NAME.test(host) : isIP(host) === 6;
  // A name that ends in a number is read as an address by resolvers, and this one is none.
  if (!isGoodHost || (/(?:^|\.)\d+$/.test(host) && isIP(host) === 0)) {
    complaints.push('the host must be a name, an IPv4 address, or an IPv6 address in brackets');
  }
  const portText = address?.[3] ?? '';
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : 0;
  if (port < 1 || port > 65_535) complaints.push('the port must be given, from 1 to 65535');

  const colon = userinfo?.indexOf(':') ?? -1;
  const login = decoded(colon === -1 ? userinfo : userinfo?.slice(0, colon));
  const password = decoded(colon === -1 ? undefined : userinfo?.slice(colon + 1));
  if (login === undefined || password === undefined) {
    complaints.push('login and password must be percent-encoded UTF-8 without control characters (% as %25)');
  } else if (login === '' || (login === null && password !== null)) {
    complaints.push('the login before @ is empty');
  }

  const tags = tagText === undefined || tagText === '' ? [] : tagText.toUpperCase().split(',');
  if (!tags.every((tag) => /^[A-Z]{2}$/.test(tag)))
    complaints.push('the tags after # must be countries of two letters');

  if (complaints.length > 0 || scheme === undefined || login === undefined || password === undefined) {
    return { complaints };
  }
  const url = `${scheme}://${isIP(host) === 6 ? `[${host}]` : host}:${String(port)}`;
  return { pool: { scheme, host, port, login, password, tags, url } };
}

/** Percent-decoding; null for nothing, undefined for what does not decode to printable text. */
function decoded(text: string | undefined): string | null | undefined {
  if (text === undefined) return null;
  try {
    const plain = decodeURIComponent(text);
    return /\p{Cc}/u.test(plain) ? undefined : plain;
  } catch {
    return undefined;
  }
}
