// The operator's side as its owner makes it: `spotrig frps-config` writes it all, and what it wrote runs: the collector as frps's judge,
// the real frps, and with exports the operator's own frpc.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { parse, stringify } from 'smol-toml';
import { which } from 'zx';
import { loadKeys } from '../../../collector/keys.ts';
import { mintToken } from '../../../collector/tokens.ts';
import { freeLoopbackPort } from '../../../entrypoint/ports.ts';
import type { FrpRung } from '../../../wire/frp-names.ts';
import { frpBinaries } from '../../frp/binaries.ts';
import { startFront, type Front } from '../../frp/fronts.ts';
import { startFrp, type FrpProcess } from '../../frp/processes.ts';
import { startCollectorProcess, type CollectorProcess } from '../../rig/collector-process.ts';

export const LAB_RELEASE = resolve('.cache/lab/release');
export const SPOTRIG = resolve('bin/spotrig.js');
const HOST = '127.0.0.1';
/** frps's name in its certificate. */
const NAME = 'frps.lab.test';
/** The web site's: every machine and container knows where that is. */
const WEB = 'localhost';
/** Where nginx.conf has the site. */
const SITE = '127.0.0.1:8443';
const TOKEN_S = 3600;

export interface OperatorOptions {
  /** Private folder. */
  dir: string;
  /** Free port for the collector; the caller's, since an export may lead to it. */
  collectorPort: number;
  /** Loopback ports that workers may reach, by the export's name. */
  exports?: Readonly<Record<string, number>>;
  /** nginx in front of frps at this port of loopback, with a web site for the rung `wss`; without it frps has the public port itself. */
  nginxPort?: number;
  /** The ways of the address; all that there are by default. */
  rungs?: readonly FrpRung[];
  /** frps ends a session that it did not hear of for so long, in place of what was written. */
  heartbeatTimeout_s?: number;
}

export interface Operator {
  readonly collector: CollectorProcess;
  readonly dataDir: string;
  readonly frpsPort: number;
  /** Folder of what frps-config wrote. */
  readonly files: string;
  /** Variables of orders that it printed. */
  readonly order: Readonly<Record<string, string>>;
  tokenOf(worker: string): string;
  close(): Promise<void>;
}

/** Starts all of it on loopback. Rejects with what was said where a part does not come up. */
export async function startOperator(o: OperatorOptions): Promise<Operator> {
  const dataDir = join(o.dir, 'collector');
  const files = join(dataDir, 'frps');
  await mkdir(dataDir);
  const [hookPort, frpsPort] = [await freeLoopbackPort(), await freeLoopbackPort()];
  const exported = Object.entries(o.exports ?? {});
  const { nginxPort } = o;
  const rungs = o.rungs === undefined ? '' : `&rungs=${o.rungs.join(',')}`;
  const web = nginxPort === undefined ? '' : `&wss=${WEB}:${nginxPort}`;
  const frp = {
    hook: `${HOST}:${hookPort}`,
    addresses: [`frp://${HOST}:${nginxPort ?? frpsPort}?sni=${NAME}${web}${rungs}`],
    egress: exported.map(([name, port]) => ({ name, target: `${HOST}:${port}` })),
  };
  await writeFile(join(dataDir, 'collector.toml'), stringify({ frp }));
  const place =
    nginxPort === undefined
      ? ['--bare', '--port', String(frpsPort)]
      : ['--port', String(nginxPort), '--inner-port', String(frpsPort), '--web', WEB];
  const flags = ['--host', `${HOST},${NAME}`, ...place, ...(exported.length > 0 ? ['--egress'] : [])];
  const printed = await execa(process.execPath, [SPOTRIG, 'frps-config', ...flags, '--data', dataDir, '--json']);
  const { order } = JSON.parse(printed.stdout) as { order: Record<string, string> };
  const ended: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of ended.splice(0).toReversed()) await end();
  };
  try {
    const pages = { releaseDir: LAB_RELEASE, pageDir: join(LAB_RELEASE, 'page') };
    const collector = await startCollectorProcess({ port: o.collectorPort, dataDir, ...pages });
    ended.push(() => collector.stop());
    const programs = await frpBinaries();
    const start = async (program: string, name: string, over: object): Promise<FrpProcess> => {
      const config = { ...parse(await readFile(join(files, `${name}.toml`), 'utf8')), ...over };
      const started = await startFrp({ program, dir: o.dir, name, config });
      ended.push(() => started.kill());
      return started;
    };
    const written = parse(await readFile(join(files, 'frps.toml'), 'utf8'));
    const transport = { ...(written['transport'] as object) };
    if (o.heartbeatTimeout_s !== undefined) Object.assign(transport, { heartbeatTimeout: o.heartbeatTimeout_s });
    // Of loopback alone; the dashboard's port is a fixed one, and this machine may have an frps already.
    const webServer = { ...(written['webServer'] as object), port: await freeLoopbackPort() };
    const frps = await start(programs.frps, 'frps', { bindAddr: HOST, transport, webServer });
    await frps.said(/frps started successfully/);
    if (nginxPort !== undefined) {
      const nginx = await startWrittenNginx({ dir: o.dir, files, port: nginxPort });
      ended.push(() => nginx.close());
    }
    if (exported.length > 0) {
      const egress = await start(programs.frpc, 'frpc-egress', {});
      for (const [name] of exported) await egress.said(new RegExp(`\\[${name}-[0-9a-f]+\\] start proxy success`));
    }
    const keys = await loadKeys(dataDir);
    const expires_s = Math.floor(Date.now() / 1000) + TOKEN_S;
    return {
      ...{ collector, dataDir, frpsPort, files, order, close },
      tokenOf: (worker) => mintToken(keys, { worker, expires_s }),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** nginx takes the file as it was written; it then runs on loopback alone, with its site at a port that is free here. */
async function startWrittenNginx(o: { dir: string; files: string; port: number }): Promise<Front> {
  const program = (await which('nginx', { nothrow: true })) ?? '/usr/sbin/nginx';
  const written = join(o.files, 'nginx.conf');
  const [conf, log, pid] = ['conf', 'log', 'pid'].map((end) => join(o.dir, `nginx.${end}`)) as [string, string, string];
  await execa(program, ['-t', '-q', '-e', log, '-g', `pid ${pid};`, '-c', written]);
  const text = await readFile(written, 'utf8');
  const [everywhere, here] = [`listen ${o.port};`, `listen ${HOST}:${o.port};`];
  if (!text.includes(everywhere) || !text.includes(SITE)) throw new Error(`${written} is not as this lab knows it`);
  const site = `${HOST}:${await freeLoopbackPort()}`;
  await writeFile(conf, text.replace(everywhere, here).replaceAll(SITE, site));
  return startFront([program, '-e', log, '-g', `pid ${pid}; daemon off; master_process off;`, '-c', conf], log);
}
