// Why a machine of the snapshot gets no order of ours: the closed list. `isLasting`: where an order of ours runs for such a
// reason, `--diff` cancels it; the others pass by themselves, or concern new orders only.

export const REASONS = {
  snapshot_unreadable: { isLasting: false, words: 'the snapshot does not describe it in the known form' },
  own_bid: { isLasting: false, words: 'it has a bid or a running order of ours' },
  outcome_unknown: {
    isLasting: false,
    words: 'an order was sent to it, and no newer snapshot says yet what came of it',
  },
  blacklisted_server: { isLasting: true, words: 'the black list has this server' },
  blacklisted_host: { isLasting: true, words: 'the black list has its host' },
  not_online: { isLasting: false, words: 'it is not online' },
  on_demand_rented: { isLasting: false, words: 'it is rented on demand' },
  not_working: { isLasting: false, words: 'the market says that it does not work properly' },
  country: { isLasting: true, words: 'its country is not wanted' },
  gpu_model: { isLasting: true, words: 'it has a GPU that the fleet file does not name' },
  gpu_count: { isLasting: true, words: 'it has too few or too many GPUs' },
  reliability: { isLasting: true, words: 'its reliability is too low' },
  ram: { isLasting: true, words: 'it has too little memory' },
  cuda: { isLasting: true, words: 'its CUDA is too old' },
  rental_length: { isLasting: false, words: 'it may not be rented for long enough' },
  oc_range: { isLasting: true, words: 'its GPUs do not take the wanted clocks or power limit' },
  price_too_high: { isLasting: true, words: 'it costs more than the fleet file bids' },
  price_range: { isLasting: false, words: 'the bid would be outside what the market takes' },
  eight_bids: { isLasting: false, words: 'the bid would be the least profitable of more than eight' },
  no_rig_left: { isLasting: false, words: 'no pair of rig_id and rig_pass is left' },
  env_refused: { isLasting: false, words: 'its env breaks a rule' },
  token_revoked: { isLasting: false, words: 'the tokens of its worker are revoked' },
  limit_orders: { isLasting: false, words: 'the fleet has as many orders as it may' },
  limit_spend: { isLasting: false, words: 'the fleet spends as much as it may' },
} as const satisfies Record<string, { isLasting: boolean; words: string }>;

export type Reason = keyof typeof REASONS;

/** A machine without an order. `detail` tells the figures; '' where the words say it all. */
export interface Refusal {
  server: string;
  reason: Reason;
  detail: string;
}

/** Half of a refusal: what a rule says that does not know the server's id. */
export type Refused = Omit<Refusal, 'server'>;

export function refused(reason: Reason, detail = ''): Refused {
  return { reason, detail };
}

/** One sentence for a table. */
export function wordsOf({ reason, detail }: Refused): string {
  return detail === '' ? REASONS[reason].words : `${REASONS[reason].words}: ${detail}`;
}
