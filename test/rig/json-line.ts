// JSON lines, as both dialects of stratum speak them.

/** Cuts a byte stream into lines. Returns false as soon as a line is longer than the cap, ended or not. */
export function lineCutter(maxBytes: number, onLine: (line: string) => void): (chunk: Buffer) => boolean {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    let bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10)) {
      if (end > maxBytes) return false;
      const line = bytes.subarray(0, end).toString('utf8').trim();
      bytes = bytes.subarray(end + 1);
      if (line !== '') onLine(line);
    }
    rest = bytes;
    return rest.length <= maxBytes;
  };
}

/** A JSON-RPC message, its fields as they came. */
export interface Message {
  id?: unknown;
  method?: unknown;
  params?: unknown;
  result?: unknown;
  error?: unknown;
}

/** Parses one line; null when it is no JSON object. */
export function parseMessage(line: string): Message | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : null;
  } catch {
    return null;
  }
}
