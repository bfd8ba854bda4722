// The box's rules as data (box.py says what each does).

/** Which packets: what is not named matches all. */
export interface When {
  /** The server's address, as networks: `198.18.10.10` or `198.18.10.0/24`. */
  hosts?: readonly string[];
  not_hosts?: readonly string[];
  ports?: readonly number[];
  proto?: 'tcp' | 'udp';
  way?: 'up' | 'down';
  /** Bytes of the IP packet. */
  longer_than?: number;
  /** While the worker has sent no more bytes than that on this connection, with this packet. */
  early?: number;
  /** Strings in what the worker has sent on this connection. */
  needles?: readonly string[];
  /** Names in it as a DNS message has them. */
  dns_names?: readonly string[];
  hello?: { sni?: readonly string[]; sni_not_ru?: boolean; offered_below_13?: boolean; negotiated_below_13?: boolean };
}

/** What is done to them. */
export type Do =
  | { drop: true }
  | { kill: 'drop' | 'rst' }
  | { icmp: 'net' | 'host' | 'port' | 'forbidden' }
  | { inject: { text: string } | { hex: string } }
  | { redirect: { host: string; port?: number } }
  | { freeze: { packets: number } | { bytes: number; way?: 'down' | 'both' } }
  | { loss: number }
  | { slow: number }
  | { idle: { after_s: number; end: 'drop' | 'rst' } }
  | { age: number }
  | { list_later: number }
  | {
      dns: {
        names: readonly string[] | 'all';
        answer: 'nxdomain' | 'refused' | 'servfail' | 'drop' | readonly string[];
        race?: boolean;
        truth_after_s?: number;
      };
    };

/** The first rule that deals with a packet ends it. */
export interface BoxRule {
  when?: When;
  do: Do;
}

export interface BoxSpec {
  rules: BoxRule[];
  /** Each way. */
  delay_ms: number;
  /** Of what is random in the box. */
  seed: number;
}

/** A rule struck a connection or a question for the first time. */
export interface BoxStrike {
  /** Its place in the list. */
  rule: number;
  did: string;
  host: string;
  port: number;
}
