// Field types that several schemas share. Unknown is null, never 0; units are in the names of the fields that use these.
import * as z from 'zod/mini';
import { DETAIL_MAX_CHARS, LOG_LINE_MAX_CHARS, LOG_LINES_MAX, NAME_MAX_CHARS, WORKER_NAME } from './limits.ts';

/** Unix time in milliseconds, by the sender's clock. Up to the year 2100: a sender's clock may be wrong, not absurd. */
export const UnixMs = z.int().check(z.minimum(0), z.maximum(4_102_444_800_000));
/** A worker's name. */
export const WorkerName = z.string().check(z.regex(WORKER_NAME));
/** One start of the head: made once, kept over restarts of Node. */
export const BootId = z.string().check(z.regex(/^[0-9a-f]{32}$/));
/** Lower-case hex SHA-256. */
export const Sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/));
/** Non-negative finite number. */
export const Amount = z.number().check(z.minimum(0), z.maximum(Number.MAX_VALUE));
/** Non-negative whole number. */
export const Count = z.int().check(z.minimum(0));
/** Short text: a name or a version. */
export const Name = z.string().check(z.maxLength(NAME_MAX_CHARS));
/** One sentence. */
export const Detail = z.string().check(z.maxLength(DETAIL_MAX_CHARS));
/** Log lines, oldest first, without line ends or escapes. */
export const LogLines = z.array(z.string().check(z.maxLength(LOG_LINE_MAX_CHARS))).check(z.maxLength(LOG_LINES_MAX));
/** `host:port` of an endpoint with its scheme and without login. */
export const EndpointUrl = z.string().check(z.maxLength(300));
