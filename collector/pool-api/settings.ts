// collector.toml's [[pool_api]]: where a pool tells what it credits to the operator's workers.
import * as z from 'zod';
import { HOST_NAME } from '../../stratum/address.ts';
import { POOL_API_FORMS, type PoolApiForm } from './forms.ts';

export interface PoolApi {
  /** In figures, log and metrics. */
  name: string;
  form: PoolApiForm;
  /** Of the account: a GET of it answers with every worker. */
  url: string;
  /** Hosts of the pool as workers dial them; a name means those below it too. An export through frp is named by its own name. */
  hosts: readonly string[];
  /** The pool's name for a worker; `{worker}` stands for ours. */
  worker: string;
  every_ms: number;
}

const APIS_MAX = 32;

const AccountUrl = z.string().refine((text) => {
  const url = URL.parse(text);
  return url !== null && (url.protocol === 'https:' || url.protocol === 'http:') && url.username === '';
}, 'an http or https address without login, of the account at the pool');

/** One table [[pool_api]]. */
const PoolApiTable = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'lower-case letters, digits, and . _ - inside'),
  form: z.enum(POOL_API_FORMS),
  url: AccountUrl,
  hosts: z.array(z.string().regex(HOST_NAME, 'a host name in lower case, without port')).min(1).max(64),
  worker: z
    .string()
    .max(128)
    .refine((text) => text.split('{worker}').length === 2, 'must have {worker} in it once')
    .default('{worker}'),
  // Pools make these figures once in some minutes; whoever asks more often is banned and learns nothing.
  every_s: z.int().min(30).max(3600).default(120),
});

/** All of them. */
export const PoolApiTables = z
  .array(PoolApiTable)
  .max(APIS_MAX)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'two have one name')
  .default([]);

export function poolApisOf(tables: z.infer<typeof PoolApiTables>): PoolApi[] {
  return tables.map(({ every_s, ...rest }) => ({ ...rest, every_ms: every_s * 1000 }));
}

/** The API that tells of workers at this endpoint (`scheme://host:port`); null: none does. */
export function poolApiOf(apis: readonly PoolApi[], pool: string | null): PoolApi | null {
  const host = /^[a-z0-9+]+:\/\/(\[[^\]]+\]|[^:/?#]+)/.exec(pool ?? '')?.[1];
  if (host === undefined) return null;
  return apis.find(({ hosts }) => hosts.some((name) => host === name || host.endsWith(`.${name}`))) ?? null;
}

/** The pool's name for our worker. */
export function nameAtPool(api: PoolApi, worker: string): string {
  return api.worker.replace('{worker}', () => worker);
}
