// What this worker exposes, as frpc is told of it and as frps takes it.
import { FRP_CANARY } from '../../wire/frp-names.ts';
import type { FrpRecord } from '../../wire/frp.ts';
import type { ServicePart } from './config.ts';
import type { ProxyStatus } from './frpc.ts';
import type { Session } from './session.ts';
import type { ExposeSetting } from './settings.ts';
import { exposedOf, isNameHeld } from './view.ts';

export class Services {
  readonly #worker: string;
  readonly #expose: readonly ExposeSetting[];
  readonly #minerPort: () => number | null;
  /** How often frps was asked for a name again. */
  readonly #asked = new Map<string, number>();

  constructor(o: { worker: string; expose: readonly ExposeSetting[]; minerPort: () => number | null }) {
    this.#worker = o.worker;
    this.#expose = o.expose;
    this.#minerPort = o.minerPort;
  }

  /** Each by frpc's word; null: it has none. */
  exposed(proxies: readonly ProxyStatus[] | null): FrpRecord['exposed'] {
    return exposedOf(this.#expose, proxies, this.#worker, (service) => this.#localPort(service));
  }

  /** frpc's word on the canary; undefined: none yet. */
  canaryOf(proxies: readonly ProxyStatus[]): ProxyStatus | undefined {
    return proxies.find(({ name }) => this.#ownName(name) === FRP_CANARY);
  }

  /** The names that frps holds for a session that is gone are asked for again by what is written next. */
  askAgain(proxies: readonly ProxyStatus[]): void {
    for (const { name, err } of proxies) {
      const own = this.#ownName(name);
      if (isNameHeld(err)) this.#asked.set(own, this.#askedFor(own) + 1);
    }
  }

  /** Writes what has a port now into the session's configuration; false where that says so already. */
  write(session: Session, echoPort: number): Promise<boolean> {
    const parts = this.#expose.flatMap((service): ServicePart[] => {
      const { name, type, remotePort } = service;
      const localPort = this.#localPort(service);
      if (localPort === null) return [];
      return [{ name, type, remotePort, localPort, secretKey: session.secretOf(name), asked: this.#askedFor(name) }];
    });
    return session.write(echoPort, this.#askedFor(FRP_CANARY), parts);
  }

  #localPort({ port }: ExposeSetting): number | null {
    return port === 'miner' ? this.#minerPort() : port;
  }

  #askedFor(name: string): number {
    return this.#asked.get(name) ?? 0;
  }

  #ownName(name: string): string {
    return name.startsWith(`${this.#worker}.`) ? name.slice(this.#worker.length + 1) : name;
  }
}
