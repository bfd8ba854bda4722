// The least that a check of layers must do: read them, unpack them, hash what comes out. One process, as the check is one.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';

for (const path of process.argv.slice(2)) {
  const hash = createHash('sha256');
  const file = createReadStream(path, { highWaterMark: 512 * 1024 });
  const source = path.endsWith('.tar') ? file : file.pipe(createGunzip({ chunkSize: 256 * 1024 }));
  for await (const piece of source as AsyncIterable<Buffer>) hash.update(piece);
  console.log(hash.digest('hex'));
}
