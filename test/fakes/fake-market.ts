// A fake of the market's order API, in memory: it takes orders, has a snapshot that lags behind, and misbehaves as it is told. It is
// worse than the real one may be: it takes a second order for a machine of one owner without a word, and remembers that as a fault.
import type { RawMachine } from './market-rules.ts';
import { MY_USER_ID } from './markets.ts';

/**
 * What becomes of one request. lost: never processed, no answer. cut: processed, no answer. late: processed some time after the
 * connection broke. The others answer.
 */
export type Behaviour =
  | 'well'
  | 'too_many'
  | 'too_many_unsaid'
  | 'code_5'
  | 'code_3'
  | 'code_1'
  | 'status_500_before'
  | 'status_500_after'
  | 'page_after'
  | 'partial'
  | 'lost'
  | 'cut'
  | 'late';

export interface FakeAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

interface FakeOrder {
  id: number;
  server: number;
  price: number;
  env: Record<string, string>;
  oc: { pl: number }[];
  from_s: number;
  to_s: number;
}

const SNAPSHOT_EVERY_S = 60;
const LATE_S = 200;

export class FakeMarket {
  /** Unix seconds, the market's own. */
  now_s: number;
  /** For the requests to come, one each; then all goes well. */
  behaviours: Behaviour[] = [];
  /** Every order that was ever taken. */
  readonly orders: FakeOrder[] = [];
  /** Machines that had two orders of ours at once. */
  readonly twice: number[] = [];
  readonly requests: { path: string; key: string | undefined; body: unknown }[] = [];
  readonly machines: Record<string, RawMachine>;
  #next_id = 1000;

  constructor(machines: Record<string, RawMachine>, now_s = 1_764_170_000) {
    this.machines = machines;
    this.now_s = now_s;
  }

  /** The server's answer; null where the connection ends without one. `base` is where the snapshot is fetched. */
  handle(method: string, path: string, key: string | undefined, text: string, base: string): FakeAnswer | null {
    const body: unknown = text === '' ? null : JSON.parse(text);
    this.requests.push({ path, key, body });
    const behaviour = this.behaviours.shift() ?? 'well';
    const isChange = method === 'POST';
    switch (behaviour) {
      case 'too_many':
        return this.#answer({}, 429, { 'retry-after': '7' });
      case 'too_many_unsaid':
        return this.#answer('slow down', 429);
      case 'code_5':
        return this.#answer({ code: 5 });
      case 'code_3':
        return this.#answer({ code: 3 }, 401);
      case 'code_1':
        return this.#answer({ code: 1 });
      case 'status_500_before':
        return this.#answer('no', 500);
      case 'status_500_after':
        this.#process(path, body, base);
        return this.#answer('no', 500);
      case 'page_after':
        this.#process(path, body, base);
        return this.#answer('<html>blocked</html>');
      case 'lost':
        return null;
      case 'cut':
        this.#process(path, body, base);
        return null;
      case 'late':
        if (isChange) this.#process(path, body, base, this.now_s + LATE_S);
        return null;
      case 'partial':
        return this.#answer(this.#process(path, body, base, this.now_s, true));
      case 'well':
        return this.#answer(this.#process(path, body, base));
    }
  }

  /** The snapshot of this time: a whole minute, so that it lags. */
  snapshot(taken_s: number): Record<string, RawMachine> {
    return Object.fromEntries(
      Object.entries(this.machines).map(([server, machine]) => {
        const own = this.orders.filter(
          (one) => String(one.server) === server && one.from_s <= taken_s && taken_s < one.to_s,
        );
        const bids = own.map(({ id, price, oc }) => ({
          ...{ owner: MY_USER_ID, id, active: true, to_cache: true, cached: true, price, currency: 'CLORE-Blockchain' },
          pl: oc.reduce((sum, { pl }) => sum + pl, 0),
        }));
        return [server, { ...machine, bids: [...machine.bids, ...bids] }];
      }),
    );
  }

  /** Orders that live now. */
  get live(): FakeOrder[] {
    return this.orders.filter(({ from_s, to_s }) => from_s <= this.now_s && this.now_s < to_s);
  }

  /** Somebody else's bid ends all orders of this machine. */
  evict(server: number): void {
    for (const one of this.live) if (one.server === server) one.to_s = this.now_s;
  }

  #process(path: string, body: unknown, base: string, at_s = this.now_s, isPartial = false): Record<string, unknown> {
    if (path === '/get_gigaspot') {
      const taken_s = Math.floor(this.now_s / SNAPSHOT_EVERY_S) * SNAPSHOT_EVERY_S;
      const v1_snapshot_url = `${base}/snapshot_${taken_s}.json`;
      return { v1_snapshot_url, my_user_id: MY_USER_ID, clore_price: 0.02, code: 0 };
    }
    if (path === '/create_gigaspot_orders') return this.#create(body as FakeCreate[], at_s, isPartial);
    if (path === '/edit_gigaspot_orders') return this.#edit(body as { order_id: number; price: number }[], isPartial);
    return this.#cancel(body as { order_ids: number[] }, isPartial);
  }

  #create(body: FakeCreate[], at_s: number, isPartial: boolean): Record<string, unknown> {
    const lists: Record<string, number[]> = {
      failed_to_oc_servers: [],
      failed_to_rent_servers: [],
      too_low_bids_servers: [],
    };
    const names = Object.keys(lists);
    for (const [i, { renting_server, price, env = {}, oc }] of body.entries()) {
      const list = isPartial ? names[i % 4] : undefined;
      if (list !== undefined) {
        lists[list]?.push(renting_server);
        continue;
      }
      const others = this.orders.filter(({ server, to_s }) => server === renting_server && to_s > at_s);
      if (others.length > 0) this.twice.push(renting_server);
      const id = this.#next_id++;
      this.orders.push({ id, server: renting_server, price, env, oc, from_s: at_s, to_s: Infinity });
    }
    return { status: 'ok', code: 0, ...lists };
  }

  #edit(body: { order_id: number; price: number }[], isPartial: boolean): Record<string, unknown> {
    const told = {
      failed_to_update_ids: [] as number[],
      success_to_update_ids: [] as number[],
      too_low_bid_ids: [] as number[],
    };
    for (const [i, { order_id, price }] of body.entries()) {
      const order = this.live.find(({ id }) => id === order_id);
      if (order === undefined || (isPartial && i % 3 === 0)) told.failed_to_update_ids.push(order_id);
      else if (isPartial && i % 3 === 1) told.too_low_bid_ids.push(order_id);
      else {
        order.price = price;
        told.success_to_update_ids.push(order_id);
      }
    }
    return { ...told, code: 0 };
  }

  #cancel({ order_ids }: { order_ids: number[] }, isPartial: boolean): Record<string, unknown> {
    const failed: string[] = [];
    for (const [i, order_id] of order_ids.entries()) {
      const order = this.live.find(({ id }) => id === order_id);
      if (order === undefined || (isPartial && i % 2 === 0)) failed.push(String(order_id));
      else order.to_s = this.now_s;
    }
    return { failed_to_cancel: failed, code: 0 };
  }

  #answer(body: unknown, status = 200, headers: Record<string, string> = {}): FakeAnswer {
    const date = new Date(this.now_s * 1000).toUTCString();
    return { status, headers: { date, ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body) };
  }
}

interface FakeCreate {
  renting_server: number;
  price: number;
  env?: Record<string, string>;
  oc: { pl: number }[];
}
