// POST /v1/reports. Each check costs more than the one before it: token, quota, headers, gunzip, JSON, schema, store.
import { isUtf8 } from 'node:buffer';
import { gunzipSync } from 'node:zlib';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import * as z from 'zod/mini';
import { codeOf } from '../../platform/errors.ts';
import { Envelope, WIRE_VERSION } from '../../wire/envelope.ts';
import type { ReportAck } from '../../wire/envelope.ts';
import { REPORT_BODY_MAX_BYTES, REPORT_WIRE_MAX_BYTES } from '../../wire/limits.ts';
import { correctReport, stampedRecord } from '../analysis/skew.ts';
import type { CollectorDeps } from '../deps.ts';
import { networkOf } from '../networks/network.ts';
import { RateLimit } from '../rate-limit.ts';
import { Refusal } from '../refusal.ts';
import type { NewReport } from '../store/store.ts';
import { requireOwnName, takeQuota } from './worker-request.ts';

// A worker sends every 15 s, about 0.5 KB/s at most; after an outage it sends its spool as fast as it may. A stolen token can
// fill 4 KB/s of the disk: 2.4 GB in the seven days that raw records live.
const REQUESTS = { burst: 240, per_s: 4 };
const BYTES = { burst: 32 * 1024 * 1024, per_s: 4096 };
/** One event about two living boots in this time. */
const DUPLICATE_BOOT = { burst: 1, per_s: 1 / 600 };

z.config(z.locales.en());

/** Registers the route in a scope whose hook has set `request.worker`. */
export function reportsRoute(app: FastifyInstance, deps: CollectorDeps): void {
  const requests = new RateLimit(REQUESTS);
  const bytes = new RateLimit(BYTES);
  const duplicateBoots = new RateLimit(DUPLICATE_BOOT);

  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer', bodyLimit: REPORT_WIRE_MAX_BYTES },
    (_request, body, done) => done(null, body),
  );
  app.route<{ Body: Buffer }>({
    method: 'POST',
    url: '/v1/reports',
    onRequest: async (request) => {
      takeQuota(requests, request, 1, deps.clock.monoMs());
      requireTakenHeaders(request);
    },
    handler: async (request): Promise<ReportAck> => {
      const body = unzipped(request);
      takeQuota(bytes, request, body.length, deps.clock.monoMs());
      const envelope = parseEnvelope(body);
      requireOwnName(request, envelope.worker);
      const report = correctReport(withStamps(envelope, request), deps.clock.nowMs(), deps.settings.keep_ms);
      if (report.records.length === 0) {
        deps.counters.add('reports_too_old');
        return { acked: envelope.seq };
      }
      const added = await deps.store.addReport({ ...report, token: request.worker });
      deps.counters.add(added.stored ? 'reports_stored' : 'reports_duplicate');
      if (added.stored && added.boot_change === 'returned') await noteDuplicateBoot(report);
      return { acked: envelope.seq };
    },
  });

  function withStamps(envelope: Envelope, request: FastifyRequest): Envelope {
    if (!envelope.records.some((record) => record.kind === 'reachability')) return envelope;
    const network = networkOf(request.ip, deps.settings.config.asns);
    const records = envelope.records.map((record) => stampedRecord(record, network, deps.controls.by));
    return { ...envelope, records };
  }

  async function noteDuplicateBoot(report: NewReport): Promise<void> {
    if (duplicateBoots.take(report.worker, 1, deps.clock.monoMs()) !== 0) return;
    await deps.store.addEvent({
      worker: report.worker,
      boot: report.boot,
      at_ms: report.received_at_ms,
      record: {
        kind: 'lifecycle',
        at_ms: report.received_at_ms,
        event: 'duplicate_boot',
        level: 'error',
        detail: 'two boots of this worker report at once: two orders use one name, or the token is used elsewhere',
        exit_code: null,
        signal: null,
        log: [],
      },
    });
  }
}

function requireTakenHeaders(request: FastifyRequest): void {
  const { 'content-type': type, 'content-encoding': encoding, 'content-length': length } = request.headers;
  if (Number(length ?? 0) > REPORT_WIRE_MAX_BYTES) {
    throw new Refusal(
      'too_large',
      `a report may have ${REPORT_WIRE_MAX_BYTES} bytes as it is sent: send fewer records`,
    );
  }
  if (!/^application\/json\s*(;|$)/i.test(type ?? '')) {
    throw new Refusal('unsupported_media_type', 'a report is sent as application/json');
  }
  if (encoding !== undefined && encoding !== 'gzip' && encoding !== 'identity') {
    throw new Refusal('unsupported_media_type', 'a report is sent with content-encoding gzip or none');
  }
}

function unzipped(request: FastifyRequest<{ Body: Buffer }>): Buffer {
  if (request.headers['content-encoding'] !== 'gzip') return request.body;
  try {
    // In this thread: a body is a few KB, and the output is bounded; handing it to a pool thread would cost more.
    return gunzipSync(request.body, { maxOutputLength: REPORT_BODY_MAX_BYTES });
  } catch (error) {
    if (codeOf(error) === 'ERR_BUFFER_TOO_LARGE') {
      throw new Refusal(
        'too_large',
        `a report may have ${REPORT_BODY_MAX_BYTES} bytes when unzipped: send fewer records`,
      );
    }
    throw new Refusal('bad_request', 'the body is not gzip, though its content-encoding says so');
  }
}

function parseEnvelope(body: Buffer): Envelope {
  let value: unknown;
  try {
    if (!isUtf8(body)) throw new SyntaxError('not UTF-8');
    value = JSON.parse(body.toString('utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) throw new Refusal('bad_json', 'the body is not JSON in UTF-8');
    throw error;
  }
  const version = typeof value === 'object' && value !== null && 'v' in value ? value.v : undefined;
  if (typeof version === 'number' && version !== WIRE_VERSION) {
    throw new Refusal(
      'unsupported_version',
      `this collector reads version ${WIRE_VERSION}: start a newer one for ${version}`,
      {
        field: 'v',
      },
    );
  }
  const parsed = Envelope.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Refusal('invalid_field', issue?.message ?? 'the body does not have the shape of a report', {
    field: issue?.path.join('.') ?? '',
  });
}
