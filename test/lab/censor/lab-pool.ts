// The lab's pool: answers the first step of every dialect as facts/censorship.md section 4 has it, and then pushes jobs.
// It judges no shares: the practice pools do that.
import { startLineServer, type LinePeer, type LineServer } from '../../rig/line-server.ts';
import type { Message } from '../../rig/json-line.ts';
import type { TlsOptions } from 'node:tls';

/** How a pool behaves towards one client. */
export type Manners =
  /** As it should. */
  | 'well'
  /** Takes everything and says nothing. */
  | 'silent'
  /** Accepts and closes. */
  | 'ban'
  /** Accepts and resets. */
  | 'ban_rst'
  /** Says that the address is banned, and closes. */
  | 'ban_json'
  /** Closes the connection on the first line. */
  | 'hang_up';

export interface LabPoolOptions {
  host: string;
  port: number;
  /** Speaks TLS. */
  tls: TlsOptions | null;
  /** Between two jobs. */
  job_ms: number;
  /** Towards this client's address. */
  manners(address: string): Manners;
}

/** Of a block with a few thousand transactions: what makes a job 1.2 KB. */
const MERKLE_BRANCHES = 12;
const HEX32 = 'ab'.repeat(32);
const branches = Array.from({ length: MERKLE_BRANCHES }, () => HEX32);

/** The answer to a first step; null for a method that the pool does not know. */
function answerOf({ method, params, id }: Message): object | null {
  const reply = (result: unknown): object => ({ id, result, error: null });
  switch (method) {
    case 'mining.subscribe':
      if (Array.isArray(params) && String(params[1]).startsWith('EthereumStratum/1'))
        return reply([['mining.notify', 'ae6812eb4cd7735a302a8a9dd95cf71f', 'EthereumStratum/1.0.0'], '080c']);
      return reply([
        [
          ['mining.set_difficulty', '1'],
          ['mining.notify', '1'],
        ],
        '08000002',
        4,
      ]);
    case 'mining.hello':
      return reply({ proto: 'EthereumStratum/2.0.0', encoding: 'plain', resume: '0', timeout: 'b4', maxerrors: '5' });
    case 'mining.authorize':
    case 'eth_submitLogin':
      return reply(true);
    case 'eth_getWork':
      return reply([`0x${HEX32}`, `0x${HEX32}`, `0x${'00'.repeat(4)}${'ff'.repeat(28)}`]);
    case 'login': {
      const job = { blob: '0a'.repeat(76), job_id: '1', target: 'b88d0600', algo: 'rx/0', height: 1 };
      return { id, jsonrpc: '2.0', error: null, result: { id: 'session', job, status: 'OK' } };
    }
    case 'keepalived':
      return { id, jsonrpc: '2.0', error: { code: -1, message: 'Unauthenticated' } };
    default:
      return null;
  }
}

function serve(peer: LinePeer, manners: Manners, job_ms: number): { message(message: Message): void; closed(): void } {
  let jobs = 0;
  let timer: NodeJS.Timeout | undefined;
  const pushJob = (): void => {
    jobs += 1;
    const params = [
      `${jobs}`,
      HEX32,
      'cd'.repeat(40),
      'ef'.repeat(60),
      branches,
      '20000000',
      '1d00ffff',
      '6564',
      false,
    ];
    peer.send({ id: null, method: 'mining.notify', params });
  };
  return {
    message(message) {
      if (manners === 'silent') return;
      if (manners === 'ban_json')
        peer.send({ id: message.id, result: null, error: [-1, 'IP Address currently banned', null] });
      if (manners !== 'well') {
        peer.drop();
        return;
      }
      const answer = answerOf(message);
      peer.send(answer ?? { id: message.id, result: null, error: [-3, 'method not found', null] });
      if (answer !== null) timer ??= setInterval(pushJob, job_ms);
    },
    closed: () => clearInterval(timer),
  };
}

/** Starts it; rejects when the address is taken. */
export function startLabPool(options: LabPoolOptions): Promise<LineServer> {
  return startLineServer({
    ...{ host: options.host, port: options.port, maxConnections: 64, maxLineBytes: 10_240 },
    ...(options.tls === null ? {} : { tls: options.tls }),
    admit(address) {
      const manners = options.manners(address);
      if (manners === 'ban') return 'close';
      return manners === 'ban_rst' ? 'reset' : 'serve';
    },
    accept: (peer) => serve(peer, options.manners(peer.address), options.job_ms),
  });
}
