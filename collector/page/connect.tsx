// What the page says before the first worker has reported.

/** How to connect a worker to this collector. */
export function Connect() {
  const { origin } = location;
  const env = [
    `DELEGATED_ENTRYPOINT=${origin}/entrypoint.sh`,
    `SPOTRIG_COLLECTOR=${origin}`,
    'SPOTRIG_TOKEN=<the worker’s token>',
    'SPOTRIG_MINER=t-rex',
    'SPOTRIG_ALGO=kawpow',
    'SPOTRIG_POOLS=stratum+tcp://<pool>:<port>',
    'SPOTRIG_WALLET=<your wallet>',
  ].join('\n');
  return (
    <section class="notice connect">
      <h1>No worker has reported yet</h1>
      <p>Order a machine with the Ubuntu image of the market and give the order this environment:</p>
      <pre>{env}</pre>
      <p>
        A token comes from <code>npx spotrig token mint</code> and holds the worker’s name. The address must be one that
        the machine can reach. The worker appears here by itself with its first report.
      </p>
    </section>
  );
}
