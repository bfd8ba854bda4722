// The relay as a process of its own, for the pool whose URL is the argument. Prints a JSON line with its port, and ends with
// its standard input.
import { realClock } from '../../platform/clock.ts';
import { silentLogger } from '../../platform/logger.ts';
import { parsePoolUrl } from '../../stratum/pool-url.ts';
import { startRelay } from '../../stratum/relay.ts';
import { ShareMeter } from '../../stratum/share-meter.ts';

const parsed = parsePoolUrl(process.argv[2] ?? '');
if ('complaints' in parsed) throw new Error(parsed.complaints.join('; '));
const meter = new ShareMeter(realClock);
const relay = await startRelay({
  listenHost: '127.0.0.1',
  listenPort: 0,
  endpoint: parsed.pool,
  clock: realClock,
  logger: silentLogger,
  meter,
  onEvent: () => undefined,
});
console.log(JSON.stringify({ port: relay.port }));
process.stdin.resume().on('end', () => {
  console.log(JSON.stringify({ accepted: meter.totals().accepted_total }));
  void relay.close().then(() => process.exit());
});
