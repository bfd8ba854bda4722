// Everything that stands in the lab's net, as one process: argv[2] is a NetSpec in JSON. Says "ready" once all listen.
import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer, type Server } from 'node:net';
import { readPair, type Certificates } from './certificates.ts';
import { startDns, startDoh } from './dns-server.ts';
import { startLabPool, type Manners } from './lab-pool.ts';
import {
  DOH,
  ISP_RESOLVER,
  KNOWN_PAGE,
  MITM,
  OTHER_POOL,
  POOL,
  POOL_ALT_PORT,
  POOL_EU,
  PORTAL,
  PUBLIC_RESOLVERS,
  SINKHOLE,
  WEB_HOSTS,
  WORKER,
  ZONE,
} from './places.ts';

export interface NetSpec {
  certificates: Certificates;
  pool: PoolSpec;
}

/** How the measured pool is: the other pool and its other region are always well. */
export interface PoolSpec {
  /** Ports that nobody listens on. */
  down: boolean;
  /** Towards the worker, and towards everybody else. */
  to_worker: Manners;
  to_others: Manners;
  /** Between two jobs. */
  job_ms: number;
  /** The newest TLS that it speaks. */
  tls_max: 'TLSv1.2' | 'TLSv1.3';
}

/** As long as front pages are. */
const FRONT_PAGE = `<!doctype html><title>a site</title>${'<p>words</p>'.repeat(12_000)}`;

/** The known page, and `/bytes/<n>` for as many bytes. */
function page(request: IncomingMessage, response: ServerResponse): void {
  const bytes = /^\/bytes\/([0-9]{1,7})$/.exec(request.url ?? '')?.[1];
  response.end(bytes === undefined ? KNOWN_PAGE.text : Buffer.alloc(Number(bytes)));
}

function frontPage(_: IncomingMessage, response: ServerResponse): void {
  response.end(FRONT_PAGE);
}

function toPortal(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(302, { location: `http://${PORTAL.host}/login` }).end();
}

async function listening(server: Server, port: number, host: string): Promise<void> {
  server.listen(port, host);
  await once(server, 'listening');
}

const spec = JSON.parse(process.argv[2] ?? '') as NetSpec;
const [sites, pool, mitm] = await Promise.all([
  readPair(spec.certificates.sites),
  readPair(spec.certificates.pool),
  readPair(spec.certificates.mitm),
]);
const { down, to_worker, to_others, job_ms, tls_max } = spec.pool;

const well = (): Manners => 'well';
const manners = (address: string): Manners => (address === WORKER ? to_worker : to_others);
const poolTls = { ...pool, maxVersion: tls_max };
await Promise.all([
  ...(down
    ? []
    : [
        startLabPool({ host: POOL.address, port: POOL.port, tls: null, job_ms, manners }),
        startLabPool({ host: POOL.address, port: POOL.tlsPort, tls: poolTls, job_ms, manners }),
        startLabPool({ host: POOL.address, port: POOL_ALT_PORT, tls: poolTls, job_ms, manners }),
      ]),
  startLabPool({ host: POOL_EU.address, port: POOL_EU.port, tls: null, job_ms, manners: well }),
  startLabPool({ host: POOL_EU.address, port: POOL.tlsPort, tls: pool, job_ms, manners: well }),
  startLabPool({ host: OTHER_POOL.address, port: OTHER_POOL.port, tls: null, job_ms, manners: well }),
  // Behind the man in the middle is a pool as well: only his key is another.
  startLabPool({ host: MITM, port: POOL.tlsPort, tls: mitm, job_ms, manners: well }),
  ...[ISP_RESOLVER, ...PUBLIC_RESOLVERS].map((address) => startDns(address, ZONE)),
  ...DOH.map(({ address }) => startDoh(address, ZONE, sites)),
  ...WEB_HOSTS.flatMap(({ address }) => {
    return [
      listening(createHttpServer(page), 80, address),
      listening(createHttpsServer(sites, frontPage), 443, address),
    ];
  }),
  ...[SINKHOLE, PORTAL.address].flatMap((address) => [
    listening(createHttpServer(toPortal), 80, address),
    listening(createHttpsServer(mitm, toPortal), 443, address),
  ]),
  // What the portal makes of anything that is no web: it closes.
  listening(
    createServer((socket) => socket.destroy()),
    9,
    PORTAL.address,
  ),
]);
process.stdout.write('ready\n');
