import { describe, expect, it } from 'vitest';
import { errorOf, outcomeOf, parseMessage } from './message.ts';

describe('messages', () => {
  it.each([
    ['{"result":true,"error":null}', 'accepted'],
    ['{"result":{"status":"OK"}}', 'accepted'],
    ['{"result":null,"error":[21,"Job not found",null]}', 'stale'],
    ['{"result":null,"error":{"code":21,"message":""}}', 'stale'],
    ['{"result":false,"error":"Stale share"}', 'stale'],
    ['{"result":false,"reject-reason":"stale"}', 'stale'],
    ['{"result":null,"error":[23,"Low difficulty share",null]}', 'rejected'],
    ['{"result":false}', 'rejected'],
    ['{"result":{"status":7}}', 'rejected'],
    ['{"result":"true"}', 'rejected'],
  ])('%s is %s', (line, outcome) => {
    expect(outcomeOf(parseMessage(Buffer.from(line)) ?? {})).toBe(outcome);
  });

  it('sees no error where pools write an empty one', () => {
    for (const error of [null, false, '', []]) expect(errorOf({ error })).toBeNull();
  });
});
