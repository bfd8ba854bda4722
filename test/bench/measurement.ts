// What a measurement gets and what it gives.

/** What every measurement of one run shares. */
export interface Bench {
  /** Short forms: fewer rounds, and half a minute where the budget speaks of ten. */
  readonly quick: boolean;
  /** Aborted when the user ends the run. */
  readonly signal: AbortSignal;
  /** A private folder on the disk of the repository. */
  readonly workDir: string;
  /** Prints a line of progress. */
  say(text: string): void;
  /** Folder of a release with its page, built once a run. */
  release(): Promise<string>;
}

/** One line of the table. `ratio` and `budget` are null where the figure stands for itself; so is `isOk`. */
export interface Row {
  what: string;
  measured: string;
  /** What it is compared with, and that one's figure. */
  against: string;
  ratio: number | null;
  budget: string | null;
  isOk: boolean | null;
}

export interface Findings {
  rows: Row[];
  /** Figures behind the rows, for `--json`: the unit is in the name. */
  values: Record<string, unknown>;
}

export interface Measurement {
  /** Word for `--only`. */
  readonly name: string;
  readonly about: string;
  /** Rejects when the measurement itself broke; a budget that is not kept is a finding. */
  run(bench: Bench): Promise<Findings>;
}

/** A row whose ratio has an upper bound. */
export function atMost(what: string, measured: string, against: string, ratio: number, bound: number): Row {
  return { what, measured, against, ratio, budget: `≤ ${bound} ×`, isOk: ratio <= bound };
}

/** A row that stands for itself. */
export function plain(what: string, measured: string, against = ''): Row {
  return { what, measured, against, ratio: null, budget: null, isOk: null };
}
