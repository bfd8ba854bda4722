// What a rule finds, before controls are weighed against it.
import type { Verdict } from '../verdict.ts';
import type { Facts } from './facts.ts';

export interface Finding extends Pick<Verdict, 'verdict' | 'confidence'> {
  layer?: Verdict['layer'];
  method?: Verdict['method'];
  scope?: Verdict['scope'];
  flags?: Verdict['flags'];
  evidence: readonly (string | null)[];
  /** Of a "blocked": the layer (DEPTH) that a control must have come past. */
  past?: number;
  /** Of a "blocked": why it holds without a control (facts/censorship.md section 3.3, the list under the table). */
  proof?: string | null;
}

/** One row of the decision table. `find` gives null where the row does not match. */
export interface Rule {
  /** The row in facts/censorship.md section 3.3; a letter behind it is a row of ours. */
  row: string;
  name: string;
  find(facts: Facts): Finding | null;
}
