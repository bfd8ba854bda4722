// Who lives where in the lab's world. All of it is in 198.18.0.0/15, the range for benchmarks: no such packet can leave a machine
// for anywhere, and the names are the lab's own.

export const WORKER = '198.18.1.2';
export const GATEWAY = '198.18.1.1';

/** The pool that is measured. */
export const POOL = { host: 'pool.example', address: '198.18.10.10', port: 3333, tlsPort: 3443 } as const;
/** Other ports of the same pool, and its other region: what variants may try. */
export const POOL_ALT_PORT = 443;
export const POOL_EU = { host: 'eu.pool.example', address: '198.18.21.21', port: 3333 } as const;
/** A pool that has nothing to do with it. */
export const OTHER_POOL = { host: 'other-pool.example', address: '198.18.20.20', port: 3333 } as const;
/** The hoster of the pool, and other people's services there. */
export const POOL_PREFIX = '198.18.10.0/24';
export const NEIGHBOURS = [
  { host: 'neighbour-a.example', address: '198.18.10.80' },
  { host: 'neighbour-b.example', address: '198.18.10.81' },
] as const;

export const COLLECTOR = { host: 'collector.example', address: '198.18.30.30', port: 8480 } as const;

export const ISP_RESOLVER = '198.18.53.1';
export const PUBLIC_RESOLVERS = ['198.18.53.8', '198.18.53.9'] as const;
export const DOH = [
  { host: 'doh-a.example', address: '198.18.54.1' },
  { host: 'doh-b.example', address: '198.18.54.2' },
] as const;

/** Sites that tell where the line still leads. */
export const SITES = {
  ru_allowlisted: [
    { host: 'allowlisted-a.ru', address: '198.18.40.1' },
    { host: 'allowlisted-b.ru', address: '198.18.40.2' },
  ],
  ru_ordinary: [
    { host: 'ordinary-a.ru', address: '198.18.41.1' },
    { host: 'ordinary-b.ru', address: '198.18.41.2' },
  ],
  foreign_ordinary: [
    { host: 'foreign-a.example', address: '198.18.42.1' },
    { host: 'foreign-b.example', address: '198.18.43.2' },
  ],
} as const;
/** A page over plain http whose text is known. */
export const KNOWN_PAGE = { host: 'known-page.example', address: '198.18.44.1', text: 'all is well\n' } as const;

/** Where the filter sends people: a page that says so, and a login page of the line's own. */
export const SINKHOLE = '198.18.66.66';
export const PORTAL = { host: 'login.portal.example', address: '198.18.67.1' } as const;
/** In the middle, with a certificate of its own. */
export const MITM = '198.18.68.1';

/** Networks inside the country, which no filter of the lab touches. */
export const HOME = ['198.18.40.0/24', '198.18.41.0/24', '198.18.53.1/32'];

const SITES_ALL = [...SITES.ru_allowlisted, ...SITES.ru_ordinary, ...SITES.foreign_ordinary, ...NEIGHBOURS];

/** Sites with TLS and plain http. */
export const WEB_HOSTS = [...SITES_ALL, KNOWN_PAGE];

/** What the lab's true name servers say. */
export const ZONE: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  [POOL, POOL_EU, OTHER_POOL, COLLECTOR, PORTAL, ...DOH, ...WEB_HOSTS].map((p) => [p.host, [p.address]]),
);

/** Every address of the net. */
export const ADDRESSES = [
  ...new Set([...Object.values(ZONE).flat(), ISP_RESOLVER, ...PUBLIC_RESOLVERS, SINKHOLE, MITM]),
];
