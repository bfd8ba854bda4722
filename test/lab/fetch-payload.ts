// Stand-in payload: of the whole worker only the part that fetches a miner's program, by the real store. LAB_RELEASE is the release
// as JSON. What became of it is in SPOTRIG_HOME/result.json.
import { join } from 'node:path';
import { ArtifactStore } from '../../entrypoint/artifacts/store.ts';
import { MinerRelease } from '../../miners/releases.ts';
import { realClock } from '../../platform/clock.ts';
import { writeFileDurable } from '../../platform/durable-file.ts';
import { messageOf } from '../../platform/errors.ts';
import { createLogger } from '../../platform/logger.ts';

const {
  SPOTRIG_HOME: home = '',
  SPOTRIG_BOOT: boot = '',
  SPOTRIG_MIRRORS: mirrors = '',
  LAB_RELEASE = '',
} = process.env;
const logger = createLogger({ name: 'spotrig', level: 'info' });
const store = new ArtifactStore({
  home,
  boot,
  clock: realClock,
  logger,
  emit: ({ event, detail }) => logger.info({ event }, detail),
});
store.ensure(MinerRelease.parse(JSON.parse(LAB_RELEASE)), [mirrors], new AbortController().signal).then(
  (path) => writeFileDurable(join(home, 'result.json'), JSON.stringify({ path })),
  (error: unknown) => writeFileDurable(join(home, 'result.json'), JSON.stringify({ error: messageOf(error) })),
);
