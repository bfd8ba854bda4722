// One worker's wish for a miner's program, as a process: argv[2] = SPOTRIG_HOME, argv[3] = the release as JSON. Says the path.
import { ArtifactStore } from '../../entrypoint/artifacts/store.ts';
import { MinerRelease } from '../../miners/releases.ts';
import { realClock } from '../../platform/clock.ts';
import { silentLogger } from '../../platform/logger.ts';

const [home = '', json = ''] = process.argv.slice(2);
const store = new ArtifactStore({
  ...{ home, boot: 'b'.repeat(32), clock: realClock, logger: silentLogger },
  emit: ({ event, detail }) => void process.stdout.write(`${event}: ${detail}\n`),
});
const path = await store.ensure(MinerRelease.parse(JSON.parse(json)), [], new AbortController().signal);
process.stdout.write(`path: ${path}\n`);
