// npm test: checks, unit tests, integration tests. Under five minutes on two cores, without Docker and without Go.
// With --lab the long tests (the real frp among them) and the lab (a real Docker engine, see scripts/lab.ts) follow, and the last
// line counts all.
import { frpMissing } from '../test/frp/binaries.ts';
import { NO_LAB, openLab } from './lab.ts';
import { close, runProjects, runShown, sum, type Counts } from './vitest.ts';

/** What only computes. The integration tests wait most of the time, so it runs beside them. */
async function checksAndUnits(): Promise<Counts[]> {
  const failed = (await runShown(['node', 'scripts/check.ts'], true)) === 0 ? 0 : 1;
  return [{ passed: 0, failed, skipped: 0 }, await runProjects('unit', ['unit'], { beside: true })];
}

const [computed, integration] = await Promise.all([checksAndUnits(), runProjects('integration', ['integration'])]);
const counts = [...computed, integration];
if (process.argv.includes('--lab')) {
  const isCi = process.env['CI'] === 'true';
  const missing = await frpMissing();
  if (missing !== null) console.log(`tests with the real frp ${isCi ? 'cannot run' : 'skipped'}: ${missing}`);
  const lab = await openLab();
  // What nobody waits for: building images, and minutes of waiting and computing.
  const beside = (async () => [
    lab === null ? NO_LAB : await runProjects('images', ['images'], { beside: true }),
    await runProjects('beside', ['beside'], { beside: true }),
  ])();
  counts.push(await runProjects('long', ['long']));
  if (lab !== null) counts.push(await runProjects('lab', ['lab']));
  counts.push(...(await beside));
  lab?.stop();
}
close(sum(counts));
