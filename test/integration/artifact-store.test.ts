// Several processes want one artefact at once, and one is killed in the middle: it is fetched once, and nobody sees a half of it.
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import type { MinerRelease } from '../../miners/releases.ts';
import { tarGz } from '../fakes/archives.ts';
import { until } from './head-harness.ts';

it('three processes at once fetch an artefact once, also when the one that fetches is killed', async () => {
  const program = randomBytes(900_000);
  const archive = await tarGz([{ name: 'miner', content: program }]);
  const sha256 = createHash('sha256').update(archive).digest('hex');
  const ranges: (string | undefined)[] = [];
  let goOn = (): void => undefined;
  // The first answer stops in the middle until the test has killed who asked for it.
  const server = createServer((request, response) => {
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const range = { 'content-range': `bytes ${start}-${archive.length - 1}/${archive.length}` };
    response.writeHead(start > 0 ? 206 : 200, { 'content-length': archive.length - start, ...range });
    if (ranges.push(request.headers.range) > 1) response.end(archive.subarray(start));
    else {
      response.write(archive.subarray(0, 400_000));
      goOn = () => response.destroy();
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const home = await mkdtemp(join(tmpdir(), 'spotrig-store-'));
  const release: MinerRelease = {
    ...{ miner: 'm', version: '1.0', url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/m.tar.gz` },
    ...{ sha256, size_bytes: archive.length, unpacked_bytes: program.length, archive: 'tar.gz', member: 'miner' },
  };
  const script = join(import.meta.dirname, 'ensure-artifact.ts');
  const start = () => execa(process.execPath, [script, home, JSON.stringify(release)], { reject: false });
  try {
    await mkdir(join(home, 'run'));
    const first = start();
    const partial = join(home, 'partial', sha256);
    await until(() => stat(partial).then(({ size }) => size === 400_000, () => false), 20_000); // prettier-ignore
    const others = [start(), start()];
    first.kill('SIGKILL');
    goOn();
    const outputs = (await Promise.all(others)).map((r) => r.stdout);
    const path = join(home, 'artifacts', sha256, 'miner');
    for (const output of outputs) expect(output).toContain(`path: ${path}`);
    expect(outputs.filter((output) => output.includes('artifact_ready'))).toHaveLength(1);
    expect(ranges).toEqual([undefined, 'bytes=400000-']);
    expect((await readFile(path)).equals(program)).toBe(true);
    expect(await readdir(join(home, 'partial'))).toEqual([]);
  } finally {
    server.closeAllConnections();
    server.close();
    await rm(home, { recursive: true });
  }
});
