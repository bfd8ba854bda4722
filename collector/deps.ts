import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Controls } from './control/controls.ts';
import type { Counters } from './counters.ts';
import type { FleetRows } from './fleet-rows.ts';
import type { FrpSecrets } from './frp/secrets.ts';
import type { KeyRing } from './keys.ts';
import type { OwnToken } from './own-token.ts';
import type { MachineBoard } from './machines/board.ts';
import type { PageFile } from './page-files.ts';
import type { Settings } from './settings.ts';
import type { Store } from './store/store.ts';

/** Everything the app works with; main.ts makes the real ones, tests their own. */
export interface CollectorDeps {
  store: Store;
  keys: KeyRing;
  clock: Clock;
  logger: Logger;
  counters: Counters;
  controls: Controls;
  fleet: FleetRows;
  /** What is judged of machines. */
  board: MachineBoard;
  settings: Settings;
  /** null: collector.toml has no [frp]. */
  frp: FrpSecrets | null;
  /** What opens the answers that hold secrets where there is no admin token; null: there is one, or no way through frp. */
  own_token: OwnToken | null;
  /** The built page's files, by path; empty where it was not built. */
  page: readonly PageFile[];
}
