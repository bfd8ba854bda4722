// Limits that both sides enforce. A body that passes them on the worker is never refused for size by the collector.

/** Largest uncompressed body of `POST /v1/reports`; gunzip stops here, so a gzip bomb costs no more than this. */
export const REPORT_BODY_MAX_BYTES = 262_144;
/** Largest body as it arrives, before gunzip. */
export const REPORT_WIRE_MAX_BYTES = 131_072;
/** Largest body of `POST /v1/hello`. */
export const HELLO_BODY_MAX_BYTES = 300;
/** Largest body of `POST /v1/control`. */
export const CONTROL_BODY_MAX_BYTES = 8192;
/** Most bytes that `GET /v1/bulk` sends and `POST /v1/bulk` takes. */
export const BULK_MAX_BYTES = 262_144;
/** Records in one envelope. */
export const RECORDS_MAX = 200;
/** GPUs in one record; no rig on the market has more. */
export const GPUS_MAX = 32;
/** Log lines in one record. */
export const LOG_LINES_MAX = 60;
/** Characters of one log line; longer lines are cut by the worker. */
export const LOG_LINE_MAX_CHARS = 400;
/** Exports through frp that one worker has visitors for. */
export const EGRESS_MAX = 16;
/** Characters of a short name: miner, algorithm, event, driver version. */
export const NAME_MAX_CHARS = 80;
/** Characters of one sentence of detail. */
export const DETAIL_MAX_CHARS = 600;
/** A worker's name. The same rule holds in tokens, URLs and file names. */
export const WORKER_NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
