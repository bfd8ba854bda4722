import * as z from 'zod/mini';
import { DIALECTS } from './dialect-names.ts';

export { DIALECTS };

/** See DIALECTS. */
export const Dialect = z.enum(DIALECTS);
export type Dialect = z.infer<typeof Dialect>;
