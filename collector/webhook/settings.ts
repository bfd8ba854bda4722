// collector.toml's [webhook]: who is told when the advice about a machine changes.
import { readFileSync } from 'node:fs';
import * as z from 'zod';

export interface Webhook {
  url: string;
  /** Of the signature; never in a log. */
  secret: string;
}

const SECRET_MIN_CHARS = 16;

/** The table [webhook]. */
export const WebhookTable = z.strictObject({
  url: z.string().refine((text) => {
    const url = URL.parse(text);
    return url !== null && (url.protocol === 'https:' || url.protocol === 'http:') && url.username === '';
  }, 'an http or https address without login'),
  secret_file: z.string().min(1),
});

/** Reads the secret's file. Throws with the field's name and what is wrong. */
export function webhookOf(table: z.infer<typeof WebhookTable>, resolvePath: (path: string) => string): Webhook {
  const path = resolvePath(table.secret_file);
  let secret: string;
  try {
    secret = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new Error(`webhook.secret_file: cannot read ${path}`, { cause: error });
  }
  if (secret.length >= SECRET_MIN_CHARS) return { url: table.url, secret };
  throw new Error(
    `webhook.secret_file: ${path} must hold ${SECRET_MIN_CHARS} characters or more (\`openssl rand -hex 24\` makes them)`,
  );
}
