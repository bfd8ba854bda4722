// What all trials share: certificates, and a collector's data folder with its key and a worker's token.
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { Limit } from '../../../reporter/net/limits.ts';
import { untilReady, type World } from '../box/world.ts';
import { makeCertificates, type Certificates } from './certificates.ts';
import { COLLECTOR, ISP_RESOLVER, POOL } from './places.ts';

export const PLAIN_URL = `stratum+tcp://${POOL.host}:${POOL.port}`;
export const TLS_URL = `stratum+ssl://${POOL.host}:${POOL.tlsPort}`;
export const COLLECTOR_URL = `https://${COLLECTOR.host}:${COLLECTOR.port}`;

const SPOTRIG = resolve(import.meta.dirname, '../../../bin/spotrig.js');
const STARTS_AT_ONCE = 2;
const ADMIN_TOKEN = 'l'.repeat(32);
/** The lab's pool may be asked at once, and the lab's range is nobody's. */
const CONFIG = `name = "outside"
[control]
refuse = ["127.0.0.0/8"]
resolvers = ["${ISP_RESOLVER}"]
cache_s = 1
pool_pause_s = 0
[[endpoint]]
url = "${PLAIN_URL}"
dialect = "bitcoin"
[[endpoint]]
url = "${TLS_URL}"
dialect = "bitcoin"
`;

export interface LabKit {
  certificates: Certificates;
  token: string;
  /** Of every program of a trial. */
  env: Readonly<Record<string, string>>;
  /** Runs it when few others start something: the start of a world is what needs the processor, and it would disturb the rest. */
  starting<T>(start: () => Promise<T>): Promise<T>;
  /** Starts the true collector in the world's net, beyond the box, with a data folder of its own. */
  startCollector(world: World): Promise<void>;
  remove(): Promise<void>;
}

export async function makeLabKit(): Promise<LabKit> {
  const dir = await mkdtemp(join(tmpdir(), 'spotrig-censor-'));
  const template = join(dir, 'template');
  await mkdir(template);
  const mint = [SPOTRIG, 'token', 'mint', '--worker', 'lab', '--data', template];
  const [certificates, minted] = await Promise.all([makeCertificates(dir), execa(process.execPath, mint)]);
  await writeFile(join(template, 'collector.toml'), CONFIG);
  const env = { PATH: process.env['PATH'] ?? '', NODE_COMPILE_CACHE: join(dir, 'compiled') };
  const starts = new Limit(STARTS_AT_ONCE);
  let collectors = 0;
  return {
    certificates,
    token: minted.stdout.trim(),
    env,
    starting: (start) => starts.hold(start),
    async startCollector(world) {
      collectors += 1;
      const data = join(dir, `collector-${collectors}`);
      await cp(template, data, { recursive: true });
      const { cert, key } = certificates.sites;
      const program = world.start(
        'net',
        [
          ...[process.execPath, SPOTRIG, 'collector', '--data', data, '--log-level', 'warn'],
          ...['--listen', `${COLLECTOR.address}:${COLLECTOR.port}`, '--tls-cert', cert, '--tls-key', key],
        ],
        { ...env, SPOTRIG_ADMIN_TOKEN: ADMIN_TOKEN },
      );
      await untilReady(program, undefined, (line) => line.includes('"collector listens"'));
    },
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}
