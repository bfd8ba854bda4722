// The head of an HTTP answer: asked for on a collector or a baseline site, unwanted on a stratum port (a block page).

/** As the wire has it. */
export interface Page {
  status: number;
  /** Host of the Location header: where a page sends the client to. */
  location_host: string | null;
}

const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})(?: [^\r\n]*)?\r?\n/;
const LOCATION = /\r?\nlocation:[ \t]*([^\r\n]{1,2048})/i;

/** Whether these are the first bytes of an HTTP answer, or could become it. */
export function startsLikePage(text: string): boolean {
  return text.startsWith('HTTP/') || 'HTTP/'.startsWith(text);
}

/** Whether the head is there as a whole. */
export function hasWholeHead(text: string): boolean {
  return /\r?\n\r?\n/.test(text);
}

/** Status and target; null for what is no HTTP answer. A head that was cut off is read as far as it goes. */
export function parsePage(text: string): Page | null {
  const status = STATUS_LINE.exec(text)?.[1];
  if (status === undefined) return null;
  const [head = ''] = text.split(/\r?\n\r?\n/, 1);
  const location = LOCATION.exec(head)?.[1]?.trim() ?? null;
  return { status: Number(status), location_host: location === null ? null : hostOf(location) };
}

function hostOf(location: string): string | null {
  const host = URL.parse(location)?.hostname.replace(/^\[|\]$/g, '') ?? '';
  return host === '' || host.length > 253 ? null : host.toLowerCase();
}
