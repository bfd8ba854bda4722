// The newest finding about every machine, in memory for readers and in the store for the next start, with the changes to be told.
import { ADVICES } from '../../wire/machine-names.ts';
import { type AdviceChange, type HostRow, MachineRow, type MachinesAnswer } from '../../wire/machine-api.ts';
import { type HostMachine, adviseHost } from '../judge/advice.ts';
import type { MachineStore, StoredAdvice, StoredChange } from '../store/machine-store.ts';

/** A row that says the same is written again after this long. */
const REWRITE_MS = 600_000;
/** Orders that ended count for their server and host so long. */
const KEPT_MS = 30 * 86_400_000;
const EVIDENCE_MAX = 10;

export class MachineBoard {
  readonly #machines: MachineStore;
  readonly #rows = new Map<string, { row: MachineRow; written_ms: number; shown: string }>();
  #hosts = new Map<string, HostRow>();

  private constructor(machines: MachineStore) {
    this.#machines = machines;
  }

  /** The board as it was left. A row of another release that is not understood any more is judged anew. */
  static async load(machines: MachineStore): Promise<MachineBoard> {
    const board = new MachineBoard(machines);
    for (const { machine, at_ms, body } of await machines.advice()) {
      const read = MachineRow.safeParse(JSON.parse(body));
      if (read.success) board.#rows.set(machine, { row: read.data, written_ms: at_ms, shown: shapeOf(read.data) });
    }
    board.#hosts = new Map(board.#hostRows().map((host) => [host.host, host]));
    return board;
  }

  /** Of the order that the worker runs under now, or ran under last. */
  row(worker: string): MachineRow | null {
    return this.#rows.get(worker)?.row ?? null;
  }

  rows(): MachineRow[] {
    return [...this.#rows.values()].map(({ row }) => row);
  }

  /** Orders on this server before this one that were to be ended, or worse. */
  earlierBadOrders(server: number, placed_at: string): number {
    return this.rows().filter(
      (row) => row.server === server && row.placed_at !== null && row.placed_at < placed_at && isBad(row),
    ).length;
  }

  /** Takes a new finding; what is advised now and was not before is a change to be told. */
  async put(row: MachineRow): Promise<void> {
    const before = this.#rows.get(row.worker);
    const at_ms = Date.parse(row.at);
    const advice: StoredAdvice[] = [];
    const old = before?.row ?? null;
    if (old !== null && old.placed_at !== row.placed_at && old.placed_at !== null) {
      // Another order under the same name: the old one's finding stays, for its server and its host.
      const past = { ...old, active: false };
      const machine = `${row.worker}@${old.placed_at}`;
      this.#rows.set(machine, { row: past, written_ms: at_ms, shown: shapeOf(past) });
      advice.push({ machine, at_ms, body: JSON.stringify(past) });
    }
    const shown = shapeOf(row);
    const isSameOrder = old !== null && old.placed_at === row.placed_at;
    const isNews = isSameOrder ? old.advice !== row.advice : row.advice !== 'keep';
    const isDue = before === undefined || before.shown !== shown || at_ms - before.written_ms >= REWRITE_MS;
    if (isDue) advice.push({ machine: row.worker, at_ms, body: JSON.stringify(row) });
    const changes = isNews ? [changeOf(row, isSameOrder ? old.advice : null)] : [];
    this.#rows.set(row.worker, { row, written_ms: isDue ? at_ms : (before?.written_ms ?? at_ms), shown });
    if (advice.length > 0 || changes.length > 0) await this.#machines.keepAdvice(advice, changes);
  }

  /** Looks at the hosts anew after a round, and forgets what is long past. */
  async finishRound(now_ms: number): Promise<void> {
    const gone = [...this.#rows]
      .filter(([, { row }]) => now_ms - Date.parse(row.at) > KEPT_MS)
      .map(([machine]) => machine);
    for (const machine of gone) this.#rows.delete(machine);
    if (gone.length > 0) await this.#machines.dropAdvice(gone);
    const hosts = this.#hostRows();
    const changes = hosts.flatMap((host) => {
      const before = this.#hosts.get(host.host)?.advice ?? 'keep';
      return before === host.advice ? [] : [hostChangeOf(host, before, now_ms)];
    });
    this.#hosts = new Map(hosts.map((host) => [host.host, host]));
    if (changes.length > 0) await this.#machines.keepAdvice([], changes);
  }

  /** `all`: also those whose order has ended. */
  answer(all: boolean): MachinesAnswer {
    const machines = this.rows()
      .filter((row) => all || row.active)
      .toSorted((a, b) => priceOf(a) - priceOf(b) || (a.worker < b.worker ? -1 : 1));
    return { machines, hosts: [...this.#hosts.values()] };
  }

  #hostRows(): HostRow[] {
    const byHost = Map.groupBy(
      this.rows().filter(({ host, server }) => host !== null && server !== null),
      ({ host }) => host ?? '',
    );
    return [...byHost]
      .map(([host, rows]) => {
        const judged = rows.map((row): HostMachine => ({ ...row, server: row.server ?? 0 }));
        const workers = [...new Set(rows.map(({ worker }) => worker))];
        return { host, ...adviseHost(judged), workers };
      })
      .toSorted((a, b) => ADVICES.indexOf(b.advice) - ADVICES.indexOf(a.advice) || (a.host < b.host ? -1 : 1));
  }
}

/** What a reader would call the same finding: moments and rates move all the time. */
function shapeOf(row: MachineRow): string {
  const { worker, server, host, active, advice, because, verdicts, placed_at, ended_at } = row;
  const names = verdicts.map(({ verdict, blame }) => `${verdict}:${blame}`);
  return JSON.stringify([worker, server, host, active, advice, because, names, placed_at, ended_at]);
}

function isBad({ advice }: MachineRow): boolean {
  return ADVICES.indexOf(advice) >= ADVICES.indexOf('cancel');
}

function priceOf(row: MachineRow): number {
  return row.clore_per_ths_day ?? Number.MAX_VALUE;
}

function changeOf(row: MachineRow, from: AdviceChange['from']): Omit<StoredChange, 'id'> {
  const led = row.verdicts.filter(({ verdict }) => row.because.includes(verdict));
  return storedChange({
    ...{ machine: row.worker, server: row.server, host: row.host, at: row.at, from, to: row.advice },
    because: row.because,
    evidence: led.flatMap(({ evidence }) => evidence).slice(0, EVIDENCE_MAX),
  });
}

function hostChangeOf(host: HostRow, from: AdviceChange['from'], now_ms: number): Omit<StoredChange, 'id'> {
  return storedChange({
    ...{ machine: `host:${host.host}`, server: null, host: host.host, at: new Date(now_ms).toISOString(), from },
    ...{ to: host.advice, because: [] },
    evidence: [`${host.bad} of ${host.judged} judged servers count against this host`],
  });
}

function storedChange(change: Omit<AdviceChange, 'id'>): Omit<StoredChange, 'id'> {
  return { machine: change.machine, at_ms: Date.parse(change.at), body: JSON.stringify(change) };
}
