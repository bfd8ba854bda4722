// How a worker is reached through frp: its tunnel, and its services with the command or the address for each.
import type { WorkerDetail } from '../../wire/api.ts';
import { UNKNOWN } from './format.ts';
import { tunnelFacts, wayTo } from './reach.ts';

/** Of a worker that told of a tunnel. */
export function Reach({ worker, frp, now_ms }: { worker: string; frp: WorkerDetail['frp']; now_ms: number }) {
  if (frp === null)
    return <p class="muted">This worker has told of no way through frp: its order needs SPOTRIG_FRP.</p>;
  return (
    <div class="reach">
      <dl class="facts">
        {tunnelFacts(frp, now_ms).map((fact) => (
          <div key={fact.label}>
            <dt>{fact.label}</dt>
            <dd class="data">{fact.value}</dd>
          </div>
        ))}
      </dl>
      {frp.exposed.length === 0 ? (
        <p class="muted">It exposes no service.</p>
      ) : (
        <div class="box" role="region" aria-label="Services" tabIndex={0}>
          <table>
            <thead>
              <tr>
                {['Service', 'State', 'Reach it with'].map((title) => (
                  <th key={title} scope="col">
                    {title}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {frp.exposed.map((service) => (
                <tr key={service.name}>
                  <td class="data">
                    {service.name} <small class="muted">{service.type}</small>
                  </td>
                  <td>
                    {service.state}
                    {service.reason !== null && <small class="muted"> {service.reason}</small>}
                  </td>
                  <td>
                    <code>{wayTo(worker, service, frp.frps) ?? UNKNOWN}</code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}
