// Faults on the way to pools of a test: filter rules for addresses on loopback that nobody else uses, in a chain of their own.
// They are the kernel's, so what is dropped is not acknowledged, as behind a real filter. Needs root.
import { execa } from 'execa';

/** All addresses of these tests. */
const RANGE = '127.77.0.0/24';
const CHAIN = 'SPOTRIG_CENSOR';

export type Fault =
  /** Connections are made, and no data passes. */
  | 'freeze'
  /** A RST for every packet to the pool. */
  | 'reset'
  /** No packet passes. */
  | 'blackhole';

const RULES: Record<Fault, readonly string[]> = {
  // Headers with options have at most 60 bytes here: what is longer carries data.
  freeze: ['-p', 'tcp', '-m', 'length', '--length', '61:65535', '-j', 'DROP'],
  reset: ['-p', 'tcp', '-j', 'REJECT', '--reject-with', 'tcp-reset'],
  blackhole: ['-j', 'DROP'],
};

/** Both directions: a pool's packets have its address as their source. */
const HOOKS = ['-d', '-s'].map((side) => ['INPUT', '-i', 'lo', side, RANGE, '-j', CHAIN]);

async function iptables(...args: string[]): Promise<void> {
  await execa('iptables', ['-w', '20', ...args]);
}

async function remove(): Promise<void> {
  const isDone = async (...args: string[]): Promise<boolean> =>
    (await execa('iptables', ['-w', '20', ...args], { reject: false })).exitCode === 0;
  // A test that was killed in the middle may have left some of them, also twice.
  for (const hook of HOOKS) while (await isDone('-D', ...hook));
  await isDone('-F', CHAIN);
  await isDone('-X', CHAIN);
}

export interface LoopbackCensor {
  /** Puts one fault on every connection to an address; it stays until it is lifted. */
  put(fault: Fault, address: string): Promise<void>;
  /** Takes this fault of the address away again. */
  lift(fault: Fault, address: string): Promise<void>;
  close(): Promise<void>;
}

/** Begins without a fault. Rules that an earlier test left are removed. */
export async function startLoopbackCensor(): Promise<LoopbackCensor> {
  await remove();
  await iptables('-N', CHAIN);
  for (const hook of HOOKS) await iptables('-I', ...hook);
  const change = async (how: '-I' | '-D', fault: Fault, address: string): Promise<void> => {
    // A RST on its way back has the pool's address as its source: it must pass.
    const sides = fault === 'reset' ? ['-d'] : ['-d', '-s'];
    for (const side of sides) await iptables(how, CHAIN, side, address, ...RULES[fault]);
  };
  return {
    put: (fault, address) => change('-I', fault, address),
    lift: (fault, address) => change('-D', fault, address),
    close: remove,
  };
}
