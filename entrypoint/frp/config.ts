// frpc.toml: an object, written by a TOML library, so that no value can become anything but a value. The common part is what frpc
// reads once, at its start; proxies and visitors are what a reload changes.
import { stringify } from 'smol-toml';
import { SpotrigError } from '../../platform/errors.ts';
import { FRP_CANARY, FRP_EGRESS, FRP_OWNER, FRP_TICKET_META } from '../../wire/frp-names.ts';
import type { FrpTransport } from './transport.ts';

const LOOPBACK = '127.0.0.1';
/** User of frpc's admin API; the password is made for each boot. */
export const ADMIN_USER = 'spotrig';

export interface CommonPart {
  way: Pick<FrpTransport, 'serverAddr' | 'serverPort' | 'transport'>;
  /** Of a worker, its name: its proxies are `<worker>.<service>` at frps. */
  user: string;
  /** null: none; frps's hook will refuse. */
  ticket: string | null;
  /** File that holds frp's token; null: frps has none. */
  tokenPath: string | null;
  /** Of the admin API; null: none. */
  admin: { port: number; password: string } | null;
}

export interface ServicePart {
  name: string;
  type: 'stcp' | 'tcp';
  localPort: number;
  /** Of type tcp; null: any. */
  remotePort: number | null;
  /** Of type stcp. */
  secretKey: string;
  /** Another number makes frpc ask frps again at a reload: an entry that did not change is left alone. */
  asked: number;
}

export interface CanaryPart {
  echoPort: number;
  visitorPort: number;
  secretKey: string;
  asked: number;
}

export interface EgressPart {
  /** Of the visitor. */
  name: string;
  /** Of the operator's proxy. */
  serverName: string;
  secretKey: string;
  port: number;
}

/** What frpc reads once. */
export function commonPart(o: CommonPart): object {
  return {
    ...{ serverAddr: o.way.serverAddr, serverPort: o.way.serverPort, user: o.user, transport: o.way.transport },
    // A first login that fails ends frpc at once, with the reason; after the first one it comes back by itself for ever, and keeps its
    // names at frps by doing so (facts/frp.md section 3).
    loginFailExit: true,
    auth: {
      method: 'token',
      ...(o.tokenPath === null ? {} : { tokenSource: { type: 'file', file: { path: o.tokenPath } } }),
    },
    ...(o.ticket === null ? {} : { metadatas: { [FRP_TICKET_META]: o.ticket } }),
    ...(o.admin === null
      ? {}
      : { webServer: { addr: LOOPBACK, port: o.admin.port, user: ADMIN_USER, password: o.admin.password } }),
    log: { to: 'console', level: 'info', disablePrintColor: true },
  };
}

/** What a reload takes: the canary with its visitor, what is exposed, and the visitors of exported targets. */
export function changingPart(o: {
  canary: CanaryPart;
  services: readonly ServicePart[];
  egress: readonly EgressPart[];
}): object {
  const { canary, services, egress } = o;
  const asked = (times: number): object => (times === 0 ? {} : { annotations: { asked: String(times) } });
  return {
    proxies: [
      {
        ...{
          name: FRP_CANARY,
          type: 'stcp',
          secretKey: canary.secretKey,
          localIP: LOOPBACK,
          localPort: canary.echoPort,
        },
        ...asked(canary.asked),
      },
      ...services.map(({ name, type, localPort, remotePort, secretKey, asked: times }) => ({
        ...{ name, type, localIP: LOOPBACK, localPort },
        // Port 0 lets frps, or the collector's hook, give one.
        ...(type === 'tcp' ? { remotePort: remotePort ?? 0 } : { secretKey, allowUsers: [FRP_OWNER] }),
        ...asked(times),
      })),
    ],
    visitors: [
      {
        ...{ name: FRP_CANARY, type: 'stcp', serverName: FRP_CANARY, secretKey: canary.secretKey },
        ...{ bindAddr: LOOPBACK, bindPort: canary.visitorPort },
      },
      ...egress.map(({ name, serverName, secretKey, port }) => ({
        ...{ name: `${FRP_EGRESS}-${name}`, type: 'stcp', serverUser: FRP_EGRESS, serverName, secretKey },
        ...{ bindAddr: LOOPBACK, bindPort: port },
      })),
    ],
  };
}

/** The file's text. Throws `frp_config` for what frpc would take for a template: it runs the file through one. */
export function frpcToml(common: object, changing: object): string {
  const text = stringify({ ...common, ...changing });
  if (!text.includes('{{')) return text;
  throw new SpotrigError(
    'frp_config',
    'a path or a value of frpc’s configuration holds "{{": choose another folder (SPOTRIG_HOME; of a command, TMPDIR)',
  );
}
