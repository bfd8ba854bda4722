// A thread of the simulation: runs the lives that it is told, and posts the sum of each batch.
import { parentPort, workerData } from 'node:worker_threads';
import { add, lifeSeed, NOTHING, scenariosOf, type Tally } from './scenarios.ts';

/** Lives `first`, `first + lanes`, … of every scenario, in batches. */
export interface LaneData {
  seed: number;
  days: number;
  first: number;
  lanes: number;
}

export interface Batch {
  scenario: number;
  tally: Tally;
}

const BATCH_LIVES = 10;

/** Runs a lane's share; `onBatch` gets sums as they come. */
export function runLane(data: LaneData, onBatch: (batch: Batch) => void): void {
  for (const [scenario, { lives, run }] of scenariosOf(data.days).entries()) {
    let tally = NOTHING;
    for (let life = data.first; life < lives; life += data.lanes) {
      tally = add(tally, run(lifeSeed(data.seed, scenario, life), life));
      if (tally.lives < BATCH_LIVES) continue;
      onBatch({ scenario, tally });
      tally = NOTHING;
    }
    if (tally.lives > 0) onBatch({ scenario, tally });
  }
}

if (parentPort !== null) {
  const port = parentPort;
  runLane(workerData as LaneData, (batch) => port.postMessage(batch));
  port.close();
}
