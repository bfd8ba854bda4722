// What stands between miner and pool, as a process of its own: `relay` is the relay with its share meter, `pipe` passes bytes and
// does nothing else. Arguments: which, and the port of the pool. Prints a JSON line with its own port; when its standard input
// ends, it prints how many accepted shares the relay saw and the CPU time since it began to listen, and the process ends.
import { connect, createServer, type AddressInfo } from 'node:net';
import { realClock } from '../../platform/clock.ts';
import { silentLogger } from '../../platform/logger.ts';
import { parsePoolUrl } from '../../stratum/pool-url.ts';
import { startRelay } from '../../stratum/relay.ts';
import { ShareMeter } from '../../stratum/share-meter.ts';

const [, , which, poolPort = ''] = process.argv;
const meter = new ShareMeter(realClock);

async function openRelay(): Promise<number> {
  const parsed = parsePoolUrl(`stratum+tcp://127.0.0.1:${poolPort}`);
  if ('complaints' in parsed) throw new Error(parsed.complaints.join('; '));
  const relay = await startRelay({
    ...{ listenHost: '127.0.0.1', listenPort: 0, endpoints: [parsed.pool], meter },
    ...{ clock: realClock, logger: silentLogger, onEvent: () => undefined },
  });
  return relay.port;
}

async function openPipe(): Promise<number> {
  const server = createServer({ noDelay: true }, (miner) => {
    const pool = connect({ host: '127.0.0.1', port: Number(poolPort), noDelay: true });
    miner.pipe(pool).pipe(miner);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

console.log(JSON.stringify({ port: await (which === 'relay' ? openRelay() : openPipe()) }));
const begun = process.cpuUsage();
process.stdin.resume().on('end', () => {
  const { user, system } = process.cpuUsage(begun);
  console.log(JSON.stringify({ accepted: meter.totals().accepted_total, cpu_ms: (user + system) / 1000 }));
  process.exit();
});
