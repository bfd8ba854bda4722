// The address of a pool as a setting: stratum+ssl://login:password@host:port?sni=none&tls=1.2&socks5=host:port#RU,KZ
// or, of a pool that the operator exports through frp: frp+stcp://login:password@name?dialect=kaspa#RU
import { isIP } from 'node:net';
import { DIALECTS, type Dialect } from '../wire/dialect-names.ts';
import { FRP_SERVICE } from '../wire/frp-names.ts';
import { HOST_NAME, bracketed, decoded, readAddress, readLogin, readOptions, readTags } from './address.ts';

/** Schemes that the relay can dial. */
const POOL_SCHEMES = ['stratum+tcp', 'stratum+ssl', 'frp+stcp'] as const;
type PoolScheme = (typeof POOL_SCHEMES)[number];

/** Spellings in use among miners. */
const SCHEME_ALIASES: ReadonlyMap<string, PoolScheme> = new Map([
  ['stratum', 'stratum+tcp'],
  ['tcp', 'stratum+tcp'],
  ['stratum+tls', 'stratum+ssl'],
  ['stratum+tcps', 'stratum+ssl'],
  ['stratums', 'stratum+ssl'],
  ['stratum-tls', 'stratum+ssl'],
  ['stratum-ssl', 'stratum+ssl'],
  ['ssl', 'stratum+ssl'],
  ['tls', 'stratum+ssl'],
]);

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** How TLS is spoken to an endpoint. */
export interface TlsOptions {
  /** The name in the hello; null sends none (an IP address has none either). */
  sni: string | null;
  minVersion: TlsVersion;
  maxVersion: TlsVersion;
  /** Base64 SHA-256 of public keys (SPKI), one of which must be the pool's; [] = trust on first use. */
  pins: string[];
}

/** A SOCKS5 proxy on the way to an endpoint; login and password are secrets, both null or both set. */
export interface ProxyOptions {
  host: string;
  port: number;
  login: string | null;
  password: string | null;
}

/** One endpoint of a pool, taken apart. */
export interface PoolUrl {
  scheme: PoolScheme;
  /** Name in lower case, or an address without brackets. Through frp: this machine, where the visitor listens. */
  host: string;
  /** 0: through frp, and the visitor's port is not known yet (`throughVisitors`). */
  port: number;
  /** Name of the export through frp that leads to it; null: it is reached directly. */
  frp: string | null;
  /** The endpoint's own login, which replaces the miner's. The password is a secret. */
  login: string | null;
  password: string | null;
  /** null: no TLS. */
  tls: TlsOptions | null;
  proxy: ProxyOptions | null;
  /** What the pool speaks, where its owner says so; null: the miner's first line tells. */
  dialect: Dialect | null;
  /** Countries of the machines that it is meant for, by `marketCountry`. */
  tags: string[];
  /** `scheme://host:port` or `frp+stcp://name`, without login, options and tags: may be shown and reported. */
  url: string;
}

// Options begin at the first `?name=`, so a login that holds such a thing must be percent-encoded.
const FORM = /^([a-z][a-z0-9+.-]*):\/\/(.*?)(?:\?([a-z0-9]+=[^#]*))?(?:#([^@#]*))?$/i;
// The login reaches to the last @, because passwords carry any character; host and port hold no @.
const BODY = /^(?:(.*)@)?([^@#?]*?)\/?$/;
const OPTIONS = ['sni', 'tls', 'pin', 'socks5', 'dialect'] as const;
const VISITOR_HOST = '127.0.0.1';
const NOT_AN_EXPORT =
  'frp+stcp:// must be followed by the name of an export, like frp+stcp://pool-a (a small letter, then at most 30 of a-z, 0-9, dash)';
/** RFC 1929 gives a byte for each length. */
const SOCKS_WORD_MAX_BYTES = 255;

/** Takes a pool's address apart, or says everything that is wrong with it, in words that repeat no login. */
export function parsePoolUrl(text: string): { pool: PoolUrl } | { complaints: string[] } {
  const form = FORM.exec(text.trim());
  const body = BODY.exec(form?.[2] ?? '@@');
  if (form === null || body === null) return { complaints: ['must look like stratum+tcp://host:port'] };
  const [, schemeText = '', , optionText = '', tagText = ''] = form;
  const [, userinfo, authority = ''] = body;
  const complaints: string[] = [];

  const spelled = schemeText.toLowerCase();
  const scheme = POOL_SCHEMES.find((s) => s === (SCHEME_ALIASES.get(spelled) ?? spelled));
  if (scheme === undefined) {
    complaints.push(`the scheme ${spelled} is not supported; this version speaks ${POOL_SCHEMES.join(', ')}`);
  }

  const frp = scheme === 'frp+stcp' ? authority.toLowerCase() : null;
  const { host, port } = frp === null ? readAddress(authority) : { host: VISITOR_HOST, port: 0 };
  if (frp !== null && !FRP_SERVICE.test(frp)) complaints.push(NOT_AN_EXPORT);
  if (host === null) complaints.push('the host must be a name, an IPv4 address, or an IPv6 address in brackets');
  if (port === null) complaints.push('the port must be given, from 1 to 65535');

  const login = readLogin(userinfo);
  if (typeof login === 'string') complaints.push(login);

  const tags = readTags(tagText);
  if (tags === null) complaints.push('the tags after # must be countries of two letters');

  const options = readOptions(optionText, OPTIONS, complaints);
  if (frp !== null && options.socks5 !== undefined) complaints.push('the option socks5 cannot be used through frp');
  const { tls, ...others } = optionValues(options, host ?? '', scheme === 'stratum+ssl', complaints);

  if (
    complaints.length > 0 ||
    scheme === undefined ||
    host === null ||
    port === null ||
    typeof login === 'string' ||
    tags === null
  ) {
    return { complaints };
  }
  const url = `${scheme}://${frp ?? `${bracketed(host)}:${String(port)}`}`;
  return { pool: { scheme, host, port, frp, ...login, tls, ...others, tags, url } };
}

/** Endpoints as the relay dials them: those through frp at their visitors' ports on this machine. */
export function throughVisitors(pools: readonly PoolUrl[], portOf: (name: string) => number): PoolUrl[] {
  return pools.map((pool) => (pool.frp === null ? pool : { ...pool, port: portOf(pool.frp) }));
}

type OptionTexts = Partial<Record<(typeof OPTIONS)[number], string>>;

function optionValues(
  options: OptionTexts,
  host: string,
  isTls: boolean,
  complaints: string[],
): Pick<PoolUrl, 'tls' | 'proxy' | 'dialect'> {
  const isTlsOption = options.sni !== undefined || options.tls !== undefined || options.pin !== undefined;
  if (isTlsOption && !isTls) complaints.push('the options sni, tls and pin need stratum+ssl');
  const versions = readVersions(options.tls, complaints);
  const sni = readSni(options.sni, host, complaints);
  const pins = readPins(options.pin, complaints);
  return {
    tls: isTls ? { sni, ...versions, pins } : null,
    proxy: readProxy(options.socks5, complaints),
    dialect: readDialect(options.dialect, complaints),
  };
}

function readSni(text: string | undefined, host: string, complaints: string[]): string | null {
  if (text === undefined) return isIP(host) === 0 ? host : null;
  const name = text.toLowerCase();
  if (name === 'none') return null;
  if (!HOST_NAME.test(name) || isIP(name) !== 0) complaints.push('the option sni must be a host name, or none');
  return name;
}

function readVersions(text: string | undefined, complaints: string[]): Pick<TlsOptions, 'minVersion' | 'maxVersion'> {
  const range = /^1\.([23])(?:-1\.([23]))?$/.exec(text ?? '1.2-1.3');
  const [, low = '2', high = low] = range ?? [];
  if (range === null || low > high) complaints.push('the option tls must be 1.2, 1.3 or 1.2-1.3');
  const version = (minor: string): TlsVersion => (minor === '3' ? 'TLSv1.3' : 'TLSv1.2');
  return { minVersion: version(low), maxVersion: version(high) };
}

/** Pins in plain base64, whatever alphabet they were written in. */
function readPins(text: string | undefined, complaints: string[]): string[] {
  const digests = (text === undefined ? [] : text.split(',')).map((pin) => {
    const plain = decoded(pin) ?? '';
    return /^[A-Za-z0-9+/_-]{43}=?$/.test(plain) ? Buffer.from(plain, 'base64') : Buffer.alloc(0);
  });
  if (digests.some((digest) => digest.length !== 32)) {
    complaints.push('the option pin must be base64 SHA-256 digests (43 or 44 characters) of public keys, with commas');
  }
  return digests.map((digest) => digest.toString('base64'));
}

function readProxy(text: string | undefined, complaints: string[]): ProxyOptions | null {
  if (text === undefined) return null;
  const at = text.lastIndexOf('@');
  const { host, port } = readAddress(text.slice(at + 1));
  const login = readLogin(at === -1 ? undefined : text.slice(0, at));
  const isGoodLogin =
    typeof login !== 'string' &&
    (login.login === null) === (login.password === null) &&
    [login.login, login.password].every((word) => word === null || isSocksWord(word));
  if (host === null || port === null || !isGoodLogin) {
    complaints.push('the option socks5 must be host:port or login:password@host:port, percent-encoded');
    return null;
  }
  return { host, port, ...login };
}

function isSocksWord(word: string): boolean {
  const bytes = Buffer.byteLength(word);
  return bytes >= 1 && bytes <= SOCKS_WORD_MAX_BYTES;
}

function readDialect(text: string | undefined, complaints: string[]): Dialect | null {
  if (text === undefined) return null;
  const known = DIALECTS.filter((dialect) => dialect !== 'unknown');
  const dialect = known.find((name) => name === text.toLowerCase());
  if (dialect === undefined) complaints.push(`the option dialect must be one of ${known.join(', ')}`);
  return dialect ?? null;
}
