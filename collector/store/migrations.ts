// The SQLite schema, one step per entry; PRAGMA user_version counts the steps done. A step that was released never changes.

/** SQL of each step; step n leads from version n to n + 1. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE reports (
    report_id INTEGER PRIMARY KEY,
    worker TEXT NOT NULL,
    boot TEXT NOT NULL,
    seq INTEGER NOT NULL,
    sent_at_ms INTEGER NOT NULL,
    received_at_ms INTEGER NOT NULL,
    skew_ms INTEGER NOT NULL,
    UNIQUE (worker, boot, seq)
  ) STRICT;

  -- Rows are inserted in the order they arrive, so the lowest ids are the oldest: pruning needs no index of its own.
  CREATE TABLE records (
    record_id INTEGER PRIMARY KEY,
    worker TEXT NOT NULL,
    boot TEXT,
    kind TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    received_at_ms INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX records_of_worker ON records (worker, kind, at_ms);
  CREATE INDEX records_events ON records (at_ms) WHERE kind = 'lifecycle';
  CREATE INDEX records_reachability ON records (at_ms) WHERE kind = 'reachability';

  CREATE TABLE boots (
    worker TEXT NOT NULL,
    boot TEXT NOT NULL,
    first_at_ms INTEGER NOT NULL,
    last_at_ms INTEGER NOT NULL,
    last_received_ms INTEGER NOT NULL,
    host_at_ms INTEGER,
    host TEXT,
    PRIMARY KEY (worker, boot)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE workers (
    worker TEXT PRIMARY KEY,
    boot TEXT,
    last_report_ms INTEGER,
    hello_stage TEXT,
    hello_code INTEGER,
    hello_at_ms INTEGER
  ) STRICT, WITHOUT ROWID;

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
];
