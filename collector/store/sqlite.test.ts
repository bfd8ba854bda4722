import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { codeOf } from '../../platform/errors.ts';
import { hashrateRecord } from '../../test/fakes/reports.ts';
import { MIGRATIONS } from './migrations.ts';
import { openSqliteStore } from './sqlite.ts';

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'spotrig-sqlite-'));
  path = join(dir, 'store.sqlite');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function failure(open: () => unknown): string | null {
  try {
    open();
    return null;
  } catch (error) {
    return codeOf(error);
  }
}

describe('the SQLite file', () => {
  it('is migrated once and counts its steps', async () => {
    await openSqliteStore(path).close();
    await openSqliteStore(path).close();
    const db = new DatabaseSync(path);
    expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: MIGRATIONS.length });
    db.close();
  });

  it('of a newer release, or no database at all, is refused', () => {
    const db = new DatabaseSync(path);
    db.exec(`PRAGMA user_version = ${MIGRATIONS.length + 1}`);
    db.close();
    expect(failure(() => openSqliteStore(path))).toBe('store_too_new');
    expect(failure(() => openSqliteStore(join(dir, 'absent', 'x.sqlite')))).toBe('store_failed');
  });

  it('that another process holds fails the write, and nothing of it is stored', async () => {
    const store = openSqliteStore(path);
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    const report = {
      worker: 'rig-1',
      boot: 'a'.repeat(32),
      seq: 0,
      sent_at_ms: 1,
      received_at_ms: 1,
      skew_ms: 0,
      records: [{ at_ms: 1, record: hashrateRecord(1) }],
    };
    expect(codeOf(await store.addReport(report).catch((error: unknown) => error))).toBe('store_failed');
    other.exec('ROLLBACK');
    other.close();
    expect(await store.workers(0)).toEqual([]);
    expect(await store.addReport(report)).toEqual({ stored: true, boot_change: 'first' });
    await store.close();
  });
});
