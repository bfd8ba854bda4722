// What both practice pools have in common: connections, the pace of jobs, books, and the handles that tests turn.
import type { Message } from './json-line.ts';
import { startLineServer, type LinePeer } from './line-server.ts';
import { ShareBooks, type PoolStats } from './share-books.ts';
import type { VardiffRules } from './vardiff.ts';

export interface PracticePoolOptions {
  host?: string;
  /** 0 (default) takes a free port. */
  port?: number;
  /** Vardiff aims at one share per connection in this time; default 1000 ms. */
  targetShareMs?: number;
  /** Time between jobs; default 15,000 ms. Every fourth is of a new block and voids the earlier ones. */
  jobMs?: number;
  /** false: the first difficulty stays. */
  vardiff?: boolean;
}

/** A running practice pool of either dialect. */
export interface PracticePool {
  readonly port: number;
  readonly url: string;
  stats(): PoolStats;
  /** Ends all connections at once; miners come back by themselves. */
  dropConnections(): void;
  /** false: shares are still judged and booked, but their answers are held back for good. */
  setAnswering(answering: boolean): void;
  /** New work to all; `clean` as when a block was found: earlier jobs are void. */
  newJob(clean: boolean): void;
  close(): Promise<void>;
}

/** What a session shares with its pool. */
export interface PoolContext {
  books: ShareBooks;
  /** null = the difficulty stays. */
  vardiff: VardiffRules | null;
  /** A monotonic clock, for vardiff. */
  nowMs(): number;
  isAnswering(): boolean;
}

/** One connection of either dialect. */
export interface PoolSession {
  message(message: Message): void;
  /** Hands out a job of the pool's present work. */
  offer(clean: boolean): void;
  /** Lets vardiff judge the running window. */
  tick(): void;
}

/** What a dialect adds. */
export interface PoolDialect {
  lineMaxBytes: number;
  /** Bounds of vardiff, in hashes per share. */
  minHashes: number;
  maxHashes: number;
  join(peer: LinePeer, context: PoolContext): PoolSession;
  /** Makes the present work new; `clean` = on a new block. */
  advance(clean: boolean): void;
}

const CONNECTIONS_MAX = 256;
const JOBS_PER_BLOCK = 4;

/** Starts a pool of this dialect; rejects with the system's error when the address is taken. */
export async function startPracticePool(options: PracticePoolOptions, dialect: PoolDialect): Promise<PracticePool> {
  const { host = '127.0.0.1', targetShareMs = 1000, jobMs = 15_000 } = options;
  const { minHashes, maxHashes } = dialect;
  const sessions = new Set<PoolSession>();
  let answering = true;
  let jobs = 1;
  let connections = 0;
  const context: PoolContext = {
    books: new ShareBooks(),
    vardiff: options.vardiff === false ? null : { targetShareMs, minHashes, maxHashes },
    nowMs: () => performance.now(),
    isAnswering: () => answering,
  };

  const server = await startLineServer({
    host,
    port: options.port ?? 0,
    maxConnections: CONNECTIONS_MAX,
    maxLineBytes: dialect.lineMaxBytes,
    accept(peer) {
      connections += 1;
      const session = dialect.join(peer, context);
      sessions.add(session);
      return { message: (message) => session.message(message), closed: () => sessions.delete(session) };
    },
  });
  const newJob = (clean: boolean): void => {
    jobs += 1;
    dialect.advance(clean);
    for (const session of sessions) session.offer(clean);
  };
  const jobTimer = setInterval(() => newJob(jobs % JOBS_PER_BLOCK === 0), jobMs);
  // A miner that sends nothing must see its difficulty fall, so time alone also closes a window.
  const vardiffTimer = setInterval(() => {
    for (const session of sessions) session.tick();
  }, targetShareMs);

  return {
    port: server.port,
    url: `stratum+tcp://${host}:${server.port}`,
    stats: () => ({
      connections: sessions.size,
      connections_total: connections,
      jobs,
      workers: context.books.snapshot(),
    }),
    dropConnections: () => server.dropConnections(),
    setAnswering(value) {
      answering = value;
    },
    newJob,
    async close() {
      clearInterval(jobTimer);
      clearInterval(vardiffTimer);
      await server.close();
    },
  };
}
