// What the server of the way through frp runs: frps's configuration, the operator's own frpc, nginx in front, and systemd's unit. Pure:
// objects for the TOML, text for the rest. Facts: docs/design/009-frp.md.
import { deriveSecret, egressKeyId } from '../../platform/derive.ts';
import type { FrpConfig } from '../../collector/frp/settings.ts';
import { bracketed } from '../../stratum/address.ts';
import { FRP_EGRESS, FRP_TICKET_META, egressProxyName } from '../../wire/frp-names.ts';

/** The server as one wants it. */
export interface ServerPlan {
  frp: Pick<FrpConfig, 'hook' | 'ports' | 'max_proxies' | 'egress'>;
  /** Where the files lie when frps reads them; absolute. */
  dir: string;
  /** Loopback port of frps behind nginx; null: frps itself is the public port. */
  innerPort: number | null;
  /** The one port that workers see. */
  port: number;
  /** Of the second frps, without multiplexing; null: there is none. */
  noMuxPort: number | null;
  /** Ports of type tcp are for everybody, not for the server's own loopback alone. */
  hasPublicPorts: boolean;
  /** The web server's name, for `wss`. */
  web: string | null;
  webPort: number;
}

export interface ServerSecrets {
  token: string;
  hook_path: string;
}

const DASHBOARD_PORT = 7500;
const DASHBOARD_PORT_NO_MUX = 7501;
const KEEPALIVE_S = 10;
const HEARTBEAT_S = 90;
const HOOK_OPS = ['Login', 'NewProxy', 'CloseProxy', 'Ping', 'NewUserConn'];

/** frps.toml, or that of the second frps, without multiplexing. Reads `token`, `server.crt` and `server.key` beside it. */
export function frpsToml(plan: ServerPlan, secrets: ServerSecrets, kind: 'mux' | 'no_mux'): object {
  const { frp, dir, innerPort, port, noMuxPort, hasPublicPorts } = plan;
  const isMux = kind === 'mux';
  const bind = isMux
    ? { bindAddr: innerPort === null ? '0.0.0.0' : '127.0.0.1', bindPort: innerPort ?? port }
    : { bindAddr: '0.0.0.0', bindPort: noMuxPort };
  return {
    ...bind,
    proxyBindAddr: hasPublicPorts ? '0.0.0.0' : '127.0.0.1',
    // An empty list would allow all of them. Port 1 is nobody's who is not root, and the hook gives none.
    allowPorts: [frp.ports === null ? { single: 1 } : { start: frp.ports.first, end: frp.ports.last }],
    maxPortsPerClient: frp.max_proxies,
    detailedErrorsToClient: true,
    auth: { method: 'token', tokenSource: { type: 'file', file: { path: `${dir}/token` } } },
    transport: {
      tcpMux: isMux,
      ...(isMux ? { tcpMuxKeepaliveInterval: KEEPALIVE_S } : {}),
      heartbeatTimeout: HEARTBEAT_S,
      // `force` would break websockets, which come without TLS from nginx.
      tls: { force: !isMux, certFile: `${dir}/server.crt`, keyFile: `${dir}/server.key` },
    },
    webServer: {
      ...{ addr: '127.0.0.1', port: isMux ? DASHBOARD_PORT : DASHBOARD_PORT_NO_MUX },
      ...{ user: 'admin', password: deriveSecret(secrets.token, 'frp dashboard') },
    },
    enablePrometheus: true,
    log: { to: 'console', disablePrintColor: true },
    httpPlugins: [
      {
        ...{ name: 'collector', addr: `${bracketed(frp.hook.host)}:${frp.hook.port}` },
        ...{ path: `/${secrets.hook_path}`, ops: HOOK_OPS },
      },
    ],
  };
}

/** frpc.toml of the operator's own frpc: every exported target under every live key. */
export function egressToml(
  plan: ServerPlan,
  o: { keys: readonly string[]; ticket: string; serverName: string; kind: 'mux' | 'no_mux' },
): object {
  const isMux = o.kind === 'mux';
  return {
    ...{ serverAddr: '127.0.0.1', serverPort: isMux ? (plan.innerPort ?? plan.port) : plan.noMuxPort },
    ...{ user: FRP_EGRESS, loginFailExit: false, metadatas: { [FRP_TICKET_META]: o.ticket } },
    auth: { method: 'token', tokenSource: { type: 'file', file: { path: `${plan.dir}/token` } } },
    transport: {
      ...{ tcpMux: isMux, heartbeatInterval: 30, heartbeatTimeout: HEARTBEAT_S },
      tls: { enable: true, serverName: o.serverName, trustedCaFile: `${plan.dir}/ca.crt` },
    },
    log: { to: 'console', disablePrintColor: true },
    proxies: plan.frp.egress.flatMap(({ name, target }) =>
      o.keys.map((key) => ({
        ...{ name: egressProxyName(name, egressKeyId(key)), type: 'stcp', secretKey: key, allowUsers: ['*'] },
        ...{ localIP: target.host, localPort: target.port },
        healthCheck: { type: 'tcp', timeoutSeconds: 5, maxFailed: 3, intervalSeconds: 15 },
      })),
    ),
  };
}

/** nginx.conf: names go to frps, the web server's name to a site that passes frp's websocket on. */
export function nginxConf(plan: ServerPlan, names: readonly string[]): string {
  const { dir, web, webPort, port } = plan;
  const frps = `127.0.0.1:${plan.innerPort ?? port}`;
  const site =
    web === null
      ? ''
      : `
http {
  access_log off;
  server {
    listen 127.0.0.1:${webPort} ssl;
    server_name ${web};
    ssl_certificate ${dir}/server.crt;
    ssl_certificate_key ${dir}/server.key;
    # Put a real site here.
    location / { return 404; }
    location = /~!frp {
      proxy_pass http://${frps};
      proxy_http_version 1.1;
      proxy_buffering off;
      proxy_read_timeout 1h;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
    }
  }
}
`;
  return `# One public port for frps${web === null ? '' : ' and the web site'}. Made by spotrig frps-config: put changes elsewhere.
# frps has the names ${names.join(', ')}; a hello with any other name, or none, goes there too.
# nginx's stream module is often a package of its own (libnginx-mod-stream): then keep the next line.
include /etc/nginx/modules-enabled/*.conf;
worker_processes auto;
worker_rlimit_nofile 65535;
events { worker_connections 16384; }

stream {
  map $ssl_preread_server_name $spotrig_up {
${web === null ? '' : `    ${web} 127.0.0.1:${webPort};\n`}    default ${frps};
  }
  server {
    listen ${port};
    ssl_preread on;
    proxy_pass $spotrig_up;
    proxy_connect_timeout 5s;
    proxy_timeout 1h;
    tcp_nodelay on;
  }
}
${site}`;
}

/** A unit of systemd for one of the programs. `port`: a low one needs a capability. */
export function systemdUnit(o: {
  what: string;
  program: string;
  config: string;
  dir: string;
  port: number | null;
}): string {
  const isLow = o.port !== null && o.port < 1024;
  const capability = isLow ? 'AmbientCapabilities=CAP_NET_BIND_SERVICE\n' : '';
  return `[Unit]
Description=${o.what}
After=network-online.target
Wants=network-online.target

[Service]
ExecStart=${o.program} -c ${o.dir}/${o.config}
User=spotrig-frp
Restart=always
RestartSec=2
# Two files for each worker, one more for each connection; the usual 1024 is full at 510 workers.
LimitNOFILE=65535
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
${capability}CapabilityBoundingSet=${isLow ? 'CAP_NET_BIND_SERVICE' : ''}

[Install]
WantedBy=multi-user.target
`;
}
