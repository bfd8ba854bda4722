// Apart from the schemas: the worker needs these names and no schema of a record.

/** Fields whose values are words of the wire, never free text: they are not searched for secrets (see platform/secrets.ts). */
export const WORD_FIELDS: ReadonlySet<string> = new Set([
  ...['kind', 'level', 'event', 'state', 'source', 'dialect', 'throttle', 'payload_sha256'],
  ...[
    'role',
    'operation',
    'failure',
    'transport',
    'family',
    'variant',
    'direction',
    'verdict',
    'layer',
    'method',
    'scope',
    'flags',
    'reply',
    'form',
    'peer',
    'end',
    'spki_sha256',
    'protocol',
  ],
]);
