// The decision table (facts/censorship.md section 3.3): the first row that matches gives the verdict. Where a row stands elsewhere
// than there, or is ours, docs/design/003-verdicts.md says why.
import { ADDRESS_RULES } from './rules-address.ts';
import { INNOCENT_RULES } from './rules-innocent.ts';
import { LINE_RULES } from './rules-line.ts';
import { NAME_RULES } from './rules-name.ts';
import { WORKING_RULES } from './rules-working.ts';
import type { Rule } from './finding.ts';

export const RULES: readonly Rule[] = [
  ...LINE_RULES,
  ...WORKING_RULES,
  ...INNOCENT_RULES,
  ...NAME_RULES,
  ...ADDRESS_RULES,
];
