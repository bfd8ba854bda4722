// What frps asks before it does anything (its HTTP plugin, facts/frp.md 2.4): a server of its own on loopback, under a secret path.
// It keeps no session: each request carries the user and the ticket, and is judged by them. What fails here is refused.
import fastify, { type FastifyInstance } from 'fastify';
import * as z from 'zod/mini';
import { messageOf } from '../../platform/errors.ts';
import { FRP_CANARY, FRP_TICKET_META } from '../../wire/frp-names.ts';
import { DETAIL_MAX_CHARS, NAME_MAX_CHARS } from '../../wire/limits.ts';
import { sameText } from '../access.ts';
import type { CollectorDeps } from '../deps.ts';
import { RateLimit } from '../rate-limit.ts';
import type { FrpClaim } from '../store/store.ts';
import { type FrpRefusal, type FrpVerdict, TICKET_REASONS, judgeEgress, judgeNewProxy, portRefused } from './judge.ts';
import { LiveProxies } from './live-proxies.ts';
import type { FrpSecrets } from './secrets.ts';
import type { FrpConfig } from './settings.ts';
import { type FrpHolder, type TicketCheck, checkTicket } from './tickets.ts';
import { provesToken } from './token-proof.ts';

const BODY_MAX_BYTES = 65_536;
const REQUEST_TIMEOUT_MS = 10_000;
/** Of one worker, request and reason: frpc asks again every half minute. Of the operator's own frpc also by name. */
const EVENTS = { burst: 2, per_s: 1 / 600 };
/** Of all that show no good ticket, by reason, for a look into the store, an event and a line in the log. */
const STRANGERS = { burst: 20, per_s: 1 / 300 };

const Text = z._default(z.string(), '');
const Metas = z._default(z.nullable(z.record(z.string(), z.string())), null);
const User = z.object({ user: Text, metas: Metas, run_id: Text });
/** `privilege_key`: what frpc made of frp's token and the moment, see `token-proof.ts`. */
const Login = z.extend(User, { privilege_key: Text, timestamp: z._default(z.number(), 0) });
const Proxy = { user: User, proxy_name: Text, proxy_type: Text };
const Ask = z.discriminatedUnion('op', [
  z.object({ op: z.literal('Login'), content: Login }),
  z.object({
    op: z.literal('NewProxy'),
    content: z.looseObject({ ...Proxy, remote_port: z._default(z.int(), 0) }),
  }),
  z.object({ op: z.literal('CloseProxy'), content: z.object(Proxy) }),
  z.object({ op: z.literal('Ping'), content: z.object({ user: User }) }),
  z.object({ op: z.literal('NewUserConn'), content: z.object(Proxy) }),
]);
type Ask = z.infer<typeof Ask>;

/** frp's own shape. */
type Answer = { reject: true; reject_reason: string } | { reject: false; unchange: boolean; content?: unknown };
const PASS: Answer = { reject: false, unchange: true };

/** Whose request is refused: the worker that its ticket names, if any, and whether the ticket is this collector's. */
interface Refused {
  name: string | null;
  proven: boolean;
}
const NOBODY: Refused = { name: null, proven: false };

type HookDeps = Pick<CollectorDeps, 'store' | 'keys' | 'clock' | 'logger' | 'counters'> & {
  config: FrpConfig;
  secrets: FrpSecrets;
};

/** The server, ready to listen on `config.hook` or to be injected. */
export function buildFrpHook(deps: HookDeps): FastifyInstance {
  const { store, keys, clock, logger, counters, config, secrets } = deps;
  const live = new LiveProxies();
  const events = new RateLimit(EVENTS);
  const strangers = new RateLimit(STRANGERS);
  const app = fastify({
    ...{ logger: false, bodyLimit: BODY_MAX_BYTES, requestTimeout: REQUEST_TIMEOUT_MS },
    forceCloseConnections: true,
  });
  app.setErrorHandler((error, _request, reply) => {
    logger.warn({ error: messageOf(error) }, 'a request to the hook of frps failed');
    return reply.code(400).send({});
  });
  app.post<{ Params: { path: string } }>('/:path', async (request, reply) => {
    await secrets.refresh();
    if (!sameText(request.params.path, secrets.values.hook_path)) return reply.code(404).send({});
    const ask = Ask.safeParse(request.body);
    if (!ask.success) {
      counters.add('frp_refused_unknown');
      return { reject: true, reject_reason: 'spotrig does not know this request: its frps is of another release' };
    }
    try {
      return await answerTo(ask.data);
    } catch (error) {
      logger.error({ error: messageOf(error), op: ask.data.op }, 'a request of frps failed');
      return { reject: true, reject_reason: 'the collector failed; its log says why' };
    }
  });
  return app;

  async function answerTo(ask: Ask): Promise<Answer> {
    const user = ask.op === 'Login' ? ask.content : ask.content.user;
    const now_ms = clock.monoMs();
    if (ask.op === 'CloseProxy') {
      live.closed(user.user, ask.content.proxy_name, user.run_id);
      return PASS;
    }
    const check = await checkedTicket(user);
    if (!check.ok) return refuse(ask, check.fault, TICKET_REASONS[check.fault], check.worker ?? NOBODY);
    const { holder } = check;
    const who = { name: holder.role === 'worker' ? holder.identity.worker : null, proven: true };
    if (holder.role === 'worker' && (await store.isRevoked(holder.identity))) {
      return refuse(ask, 'revoked', TICKET_REASONS.revoked, who);
    }
    // frps would refuse it next, and tell nobody.
    if (ask.op === 'Login' && !provesToken(ask.content, secrets.values.token)) {
      return refuse(ask, 'bad_token', 'frp’s token is another than in frp.json: take it from frps-config', who);
    }
    if (ask.op !== 'Login') live.heard(user.run_id, now_ms);
    const verdict = await verdictOn(ask, holder, now_ms);
    if (verdict.allow === false) return refuse(ask, verdict.code, verdict.reason, who);
    if (ask.op !== 'NewProxy') return PASS;
    if (verdict.allow === true) {
      live.opened(user.user, ask.content.proxy_name, user.run_id);
      return PASS;
    }
    const port = await portFor(user.user, verdict);
    if (port === null) {
      const none = portRefused(verdict.port, config.ports);
      return none.allow === false ? refuse(ask, none.code, none.reason, who) : PASS;
    }
    live.opened(user.user, ask.content.proxy_name, user.run_id);
    return port === ask.content.remote_port
      ? PASS
      : { reject: false, unchange: false, content: { ...ask.content, remote_port: port } };
  }

  async function checkedTicket({ user, metas }: z.infer<typeof User>): Promise<TicketCheck> {
    const asked = { user, ticket: metas?.[FRP_TICKET_META] };
    const check = checkTicket(asked, keys, clock.nowMs());
    if (check.ok || check.fault !== 'unknown_kid') return check;
    await keys.refresh();
    return checkTicket(asked, keys, clock.nowMs());
  }

  async function verdictOn(
    ask: Exclude<Ask, { op: 'CloseProxy' }>,
    holder: FrpHolder,
    now_ms: number,
  ): Promise<FrpVerdict> {
    if (ask.op === 'Login' || ask.op === 'Ping') return { allow: true };
    const { proxy_name: name, proxy_type: type } = ask.content;
    const { user } = ask.content.user;
    const egress_keys = secrets.values.egress_keys.map(({ key }) => key);
    if (ask.op === 'NewUserConn') {
      return holder.role === 'egress' ? judgeEgress({ name, type }, { config, egress_keys }) : { allow: true };
    }
    const others = live.others(user, [name, `${user}.${FRP_CANARY}`], now_ms);
    const { remote_port } = ask.content;
    return judgeNewProxy(holder, { user, name, type, remote_port }, { config, egress_keys, others });
  }

  async function portFor(worker: string, wanted: { service: string; port: number | null }): Promise<number | null> {
    if (config.ports === null) return null;
    const { max_proxies: max } = config;
    return store.takeFrpPort({ worker, ...wanted, ...config.ports, max, now_ms: clock.nowMs() });
  }

  async function refuse(ask: Ask, code: FrpRefusal, reason: string, who: Refused): Promise<Answer> {
    counters.add(`frp_refused_${code}`);
    const { user } = ask.op === 'Login' ? ask.content : ask.content.user;
    const proxy = 'proxy_name' in ask.content ? ask.content.proxy_name : null;
    const detail = `${ask.op} of ${shown(proxy ?? user)} refused: ${reason}`.slice(0, DETAIL_MAX_CHARS);
    const { name, proven } = who;
    // Strangers share one allowance a reason, so that they can neither fill the log nor eat up what is a worker's.
    const rate = proven ? events : strangers;
    const key = proven ? `${name ?? `${user} ${proxy}`} ${ask.op} ${code}` : code;
    if (rate.take(key, 1, clock.monoMs()) === 0) {
      logger.warn({ op: ask.op, user: shown(user), worker: name ?? undefined, code }, detail);
      await note(who, { user: cut(user), proxy: proxy === null ? null : cut(proxy) }, detail).catch((error: unknown) =>
        logger.error({ error: messageOf(error) }, 'an event of frp was not stored'),
      );
    }
    return { reject: true, reject_reason: reason };
  }

  /** A ticket without proof may name anybody: only a worker that is known gets the event by it. */
  async function note({ name, proven }: Refused, claimed: FrpClaim, detail: string): Promise<void> {
    const at_ms = clock.nowMs();
    const worker = name !== null && (proven || (await store.worker(name, at_ms)) !== null) ? name : null;
    await store.addEvent({
      ...{ worker, boot: null, at_ms, claimed: worker === null ? claimed : null },
      record: {
        ...{ kind: 'lifecycle', at_ms, event: 'frp_refused', level: 'warn', detail },
        ...{ exit_code: null, signal: null, log: [] },
      },
    });
  }
}

/** A name of a stranger's choice, for a line of a log. */
function shown(text: string): string {
  return cut(text.replaceAll(/[^\x20-\x7e]/g, '?')) || '(none)';
}

function cut(text: string): string {
  return text.slice(0, NAME_MAX_CHARS);
}
