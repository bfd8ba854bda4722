// The SQLite schema, one step per entry; PRAGMA user_version counts the steps done. A step that was released never changes.

/** SQL of each step; step n leads from version n to n + 1. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE workers (
    worker_no INTEGER PRIMARY KEY,
    worker TEXT NOT NULL UNIQUE,
    boot_no INTEGER,
    hello_stage TEXT,
    hello_code INTEGER,
    hello_at_ms INTEGER
  ) STRICT;

  CREATE TABLE boots (
    boot_no INTEGER PRIMARY KEY,
    worker_no INTEGER NOT NULL,
    boot TEXT NOT NULL,
    first_at_ms INTEGER NOT NULL,
    last_at_ms INTEGER NOT NULL,
    last_received_ms INTEGER NOT NULL,
    UNIQUE (worker_no, boot)
  ) STRICT;

  CREATE TABLE hosts (
    boot_no INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;

  -- Rows of reports and records come in the order they arrive, so the lowest ids are the oldest: pruning needs no index.
  CREATE TABLE reports (
    report_id INTEGER PRIMARY KEY,
    boot_no INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    sent_at_ms INTEGER NOT NULL,
    received_at_ms INTEGER NOT NULL,
    skew_ms INTEGER NOT NULL,
    UNIQUE (boot_no, seq)
  ) STRICT;

  CREATE TABLE records (
    record_id INTEGER PRIMARY KEY,
    worker_no INTEGER NOT NULL,
    boot_no INTEGER,
    kind TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    received_at_ms INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  -- The moment before the kind: the records of one report then fall into one page, which is what a commit pays for.
  CREATE INDEX records_of_worker ON records (worker_no, at_ms, kind);
  CREATE INDEX records_events ON records (at_ms) WHERE kind = 'lifecycle';
  CREATE INDEX records_events_of_worker ON records (worker_no, at_ms) WHERE kind = 'lifecycle';
  CREATE INDEX records_reachability ON records (at_ms) WHERE kind = 'reachability';

  CREATE TABLE revoked_tokens (
    digest TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    created_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE revoked_workers (
    worker TEXT PRIMARY KEY,
    expires_up_to_s INTEGER NOT NULL,
    reason TEXT NOT NULL,
    created_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- No release has written samples before this step: they were a kind of record that nothing measured yet.
  DROP INDEX records_reachability;
  DELETE FROM records WHERE kind = 'reachability';

  -- What is looked at often stands before the long texts: SQLite reads a row from its beginning.
  CREATE TABLE reachability (
    sample_id INTEGER PRIMARY KEY,
    worker_no INTEGER NOT NULL,
    boot_no INTEGER NOT NULL,
    target TEXT NOT NULL,
    network_key TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    received_at_ms INTEGER NOT NULL,
    -- When the collector judges it next; null: it is settled.
    judge_at_ms INTEGER,
    since_ms INTEGER,
    verdict TEXT,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX reachability_of_worker ON reachability (worker_no, target, at_ms);
  CREATE INDEX reachability_of_target ON reachability (target, at_ms, network_key);
  CREATE INDEX reachability_to_judge ON reachability (judge_at_ms, at_ms) WHERE judge_at_ms IS NOT NULL;

  -- The newest of each, so that a reader does not walk through a day of samples.
  CREATE TABLE reachability_latest (
    worker_no INTEGER NOT NULL,
    target TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    sample_id INTEGER NOT NULL,
    PRIMARY KEY (worker_no, target)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE control_samples (
    sample_id INTEGER PRIMARY KEY,
    entry TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    received_at_ms INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX control_samples_of_entry ON control_samples (entry, at_ms);
  `,
  `
  -- The newest record of each boot, with the token that it was reported by: the keys of its services are made of that one.
  CREATE TABLE frp_facts (
    boot_no INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    token_kid TEXT,
    token_expires_s INTEGER,
    body TEXT NOT NULL
  ) STRICT;

  CREATE TABLE frp_ports (
    port INTEGER PRIMARY KEY,
    worker TEXT NOT NULL,
    service TEXT NOT NULL,
    used_at_ms INTEGER NOT NULL,
    UNIQUE (worker, service)
  ) STRICT;
  `,
  `
  -- Sums of records over minutes and hours. Names of their own: a worker's sums outlive its records.
  CREATE TABLE rollup_names (name_no INTEGER PRIMARY KEY, worker TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE rollups (
    span TEXT NOT NULL,
    name_no INTEGER NOT NULL,
    t_ms INTEGER NOT NULL,
    claimed_sum_hs REAL NOT NULL,
    claimed_n INTEGER NOT NULL,
    records INTEGER NOT NULL,
    window_ms REAL NOT NULL,
    connected_ms REAL NOT NULL,
    work_hashes REAL NOT NULL,
    work_sq_hashes2 REAL NOT NULL,
    work_max_hashes REAL NOT NULL,
    unmeasured INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    stale INTEGER NOT NULL,
    unanswered INTEGER NOT NULL,
    power_sum_w REAL NOT NULL,
    power_n INTEGER NOT NULL,
    temperature_max_c REAL,
    PRIMARY KEY (span, name_no, t_ms)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX rollups_by_age ON rollups (span, t_ms);
  -- The newest record that is in the sums.
  CREATE TABLE rollup_cursor (record_id INTEGER NOT NULL) STRICT;
  INSERT INTO rollup_cursor VALUES (0);

  CREATE TABLE pool_figures (
    figure_id INTEGER PRIMARY KEY,
    worker TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    api TEXT NOT NULL,
    as_of_ms INTEGER,
    listed INTEGER NOT NULL,
    pool_hs REAL,
    last_share_ms INTEGER,
    others INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX pool_figures_of_worker ON pool_figures (worker, at_ms);
  `,
  `
  -- Events of no worker's: records want one, and a table of its own keeps few of them, whatever strangers do.
  CREATE TABLE own_events (
    event_id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    received_at_ms INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX own_events_at ON own_events (at_ms);
  `,
  `
  -- placed_at in one form of ISO 8601 (UTC, milliseconds), so that its order is that of time.
  CREATE TABLE orders (
    worker TEXT NOT NULL,
    server INTEGER NOT NULL,
    placed_at TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (worker, server, placed_at)
  ) STRICT;
  CREATE INDEX orders_by_age ON orders (placed_at);

  CREATE TABLE blacklist (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    reason TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (kind, id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE advice (
    machine TEXT PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  -- AUTOINCREMENT: an id is never given twice, so that who is told of changes knows one that comes again.
  CREATE TABLE advice_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    machine TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  `,
  `
  -- What a worker's shares were weighed by, in sums of minutes: an order's whole life outlives the raw records.
  CREATE TABLE exposure_windows (
    worker TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    exposure_ms REAL NOT NULL,
    shares_per_hs REAL NOT NULL,
    found REAL NOT NULL,
    claimed_hs REAL,
    PRIMARY KEY (worker, at_ms)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX exposure_windows_by_age ON exposure_windows (at_ms);
  CREATE TABLE exposures (
    worker TEXT PRIMARY KEY,
    until_ms INTEGER NOT NULL,
    excused TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
];
