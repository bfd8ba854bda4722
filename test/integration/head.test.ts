// The head, run by bash as the contract runs it: from a whole file, a cut one, a wrong one; with each tool alone; with
// mirrors that lie, cut and stay away; two at once; under signals.
import { randomInt } from 'node:crypto';
import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PART_ONE_BYTES, HEAD_BYTES } from '../../scripts/release/head.ts';
import {
  HeadRig,
  MAC,
  Mirror,
  TOKEN,
  buildStandInRelease,
  kill,
  parentOf,
  present,
  until,
  type StandInRelease,
} from './head-harness.ts';
import { seeded } from '../fakes/random.ts';

/** The folder that the runtime was put into: the only one with a program of that name. */
async function runtimeOf(rig: HeadRig): Promise<string> {
  for (const name of await rig.list('home/artifacts')) {
    if ((await rig.list(`home/artifacts/${name}`)).includes('node')) return name;
  }
  return 'no runtime';
}

let release: StandInRelease;
let mirror: Mirror;
const rigs: HeadRig[] = [];

async function rigWith(script: Buffer, tools?: string[]): Promise<HeadRig> {
  const rig = await HeadRig.create(script, tools);
  rigs.push(rig);
  return rig;
}

/** The order's env: everything comes from the place that the script came from. */
function order(more: Record<string, string> = {}): Record<string, string> {
  return { DELEGATED_ENTRYPOINT: `${mirror.url}/entrypoint.sh?key=/secret#x`, ...more };
}

function withHello(more: Record<string, string> = {}): Record<string, string> {
  return order({ SPOTRIG_TOKEN: TOKEN, SPOTRIG_COLLECTOR: mirror.url, ...more });
}

beforeAll(async () => {
  release = await buildStandInRelease();
}, 30_000);
afterAll(async () => {
  await rm(release.dir, { recursive: true, force: true });
});
beforeEach(async () => {
  mirror = await new Mirror(release).listen();
});
afterEach(async () => {
  await Promise.all(rigs.splice(0).map((rig) => rig.destroy()));
  await mirror.close();
});

describe('a whole file', () => {
  it('boots from its own tail, leaves complete artefacts only, and is warm the second time', async () => {
    const rig = await rigWith(release.whole);
    expect((await rig.start(order()).ended).code).toBe(0);
    expect(mirror.requests.map((r) => r.path)).toEqual([`/artifacts/${release.runtime}`]);
    expect((await rig.start(order()).ended).code).toBe(0);
    expect(mirror.requests).toHaveLength(1);
    const [first, second] = await rig.notes();
    expect(first).toMatchObject({
      home: rig.home,
      script: rig.script,
      payload: release.digest('payload'),
      boot: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
    });
    expect(second?.['boot']).not.toBe(first?.['boot']);
    expect(await rig.list('home/partial')).toEqual([]);
    expect(await rig.list('home/artifacts')).toHaveLength(2);
    expect(await readFile(rig.script)).toEqual(release.whole);
  });

  it('is found by a relative path too', async () => {
    const rig = await rigWith(release.whole);
    await rig.start(order()).ended;
    const env = { PATH: `${rig.dir}/bin`, SPOTRIG_HOME: rig.home };
    const run = await execa('./onstart.sh', [], { cwd: rig.dir, extendEnv: false, env });
    expect(run.exitCode).toBe(0);
    expect((await rig.notes()).map((n) => n['script'])).toEqual([rig.script, rig.script]);
  });

  it('takes the payload from a mirror when the file is the loader alone', async () => {
    const rig = await rigWith(release.head);
    expect((await rig.start(order()).ended).code).toBe(0);
    expect(mirror.requests.map((r) => r.path)).toContain(`/artifacts/${release.digest('payload')}`);
    expect(await rig.notes()).toHaveLength(1);
  });
});

describe('a damaged file', () => {
  const flip = (at: number): Buffer => {
    const bytes = Buffer.from(release.whole);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes;
  };
  const zeroedFrom = (at: number): Buffer => Buffer.from(release.whole).fill(0, at);

  it.each([
    ['cut in the padding of part one', () => release.whole.subarray(0, PART_ONE_BYTES - 3)],
    ['cut at the end of part one', () => release.whole.subarray(0, PART_ONE_BYTES)],
    ['cut one byte into part two', () => release.whole.subarray(0, PART_ONE_BYTES + 1)],
    ['cut in the middle of part two', () => release.whole.subarray(0, 3000)],
    ['cut one byte before the end of the head', () => release.whole.subarray(0, HEAD_BYTES - 1)],
    ['a flipped bit in part two', () => flip(2500)],
    ['zeros from the middle of part two on', () => zeroedFrom(2000)],
  ])('heals: %s', async (_, damaged) => {
    const rig = await rigWith(damaged());
    const { code } = await rig.start(order()).ended;
    expect(code).toBe(0);
    expect(await rig.notes()).toHaveLength(1);
    expect(await readFile(rig.script)).toEqual(release.head);
    expect(await rig.list('.')).toEqual(['argv.log', 'bin', 'home', 'onstart.sh']);
  });

  it.each([
    ['cut in the payload', () => release.whole.subarray(0, HEAD_BYTES + 100)],
    ['a flipped bit in the payload', () => flip(HEAD_BYTES + 100)],
    ['zeros in place of the payload', () => zeroedFrom(HEAD_BYTES)],
  ])('takes the payload from the mirror: %s', async (_, damaged) => {
    const bytes = damaged();
    const rig = await rigWith(bytes);
    expect((await rig.start(order()).ended).code).toBe(0);
    expect(mirror.requests.map((r) => r.path)).toContain(`/artifacts/${release.digest('payload')}`);
    expect(await readFile(rig.script)).toEqual(bytes);
  });

  it('runs nothing at all when it is cut inside part one', async () => {
    for (const at of [1, 12, 13, 100, 400, 600]) {
      const rig = await rigWith(release.whole.subarray(0, at));
      await rig.start(order()).ended;
      expect(await rig.list('.')).toEqual(['bin', 'onstart.sh']);
    }
    expect(mirror.requests).toEqual([]);
  });
});

describe('mirrors', () => {
  it('never runs wrong bytes, and goes on to a mirror that is right', async () => {
    const bad = await new Mirror(release).listen();
    const rig = await rigWith(release.whole.subarray(0, 4000));
    const trap = `touch ${rig.dir}/executed`;
    bad.instead.set(
      release.digest('part two'),
      Buffer.from(`{\n${trap}\nexit\n}\n`.padEnd(HEAD_BYTES - PART_ONE_BYTES)),
    );
    bad.instead.set(release.digest('payload'), Buffer.alloc(release.whole.length - HEAD_BYTES, `${trap}\n`));
    bad.instead.set(release.runtime, Buffer.alloc(100_000, `#!/bin/bash\n${trap}\n`));
    bad.instead.set(release.digest('gzip'), Buffer.alloc(100_000, `#!/bin/bash\n${trap}\n`));
    expect((await rig.start(order({ SPOTRIG_MIRRORS: bad.url })).ended).code).toBe(0);
    // After the first lie it is not asked again in this boot.
    const asked = bad.requests.map((r) => r.path.replace('/artifacts/', ''));
    expect(asked).toEqual([release.digest('part two'), release.digest('payload')]);
    expect((await rig.read('home/log/head.log')).match(/wrong bytes/g)).toHaveLength(1);
    expect(await rig.list('.')).not.toContain('executed');
    expect(await rig.notes()).toHaveLength(1);
    await bad.close();
  });

  it('asks a liar again when there is nobody else', async () => {
    mirror.instead.set(release.runtime, Buffer.alloc(200_000, 'x'));
    const rig = await rigWith(release.whole);
    const head = rig.start(withHello());
    await until(async () => mirror.hellos.some((h) => h.body.includes('"runtime","code":2')));
    mirror.instead.clear();
    expect((await head.ended).code).toBe(0);
  });

  it.each(['wget', 'python3'])('with %s alone gets past a mirror that answers everything with a page', async (tool) => {
    for (const bytes of [2_000, 20_000, 70_000]) {
      const portal = await new Mirror(release).listen();
      portal.ignoresRanges = true;
      portal.always = Buffer.alloc(bytes, '<html>');
      const rig = await rigWith(release.head.subarray(0, 4000), [tool, 'gzip']);
      expect((await rig.start(order({ SPOTRIG_MIRRORS: portal.url })).ended).code).toBe(0);
      expect(portal.requests.length).toBeLessThan(30);
      await portal.close();
    }
  });

  it('tries all in order, past one that is dead and one that does not have it', async () => {
    const empty = await new Mirror({ ...release, dir: '/nonexistent' }).listen();
    const rig = await rigWith(release.head);
    const mirrors = `http://127.0.0.1:1/,${empty.url} ${mirror.url}`;
    expect((await rig.start({ SPOTRIG_MIRRORS: mirrors }).ended).code).toBe(0);
    expect(empty.requests.length).toBeGreaterThan(0);
    await empty.close();
  });

  it('comes through a link that cuts every connection after 8 KB, by small ranges', async () => {
    mirror.cutAfter = 8000;
    const rig = await rigWith(release.head);
    expect((await rig.start(order()).ended).code).toBe(0);
    const ranges = mirror.requests.filter((r) => /bytes=\d+-\d+/.test(r.range ?? ''));
    expect(ranges.length).toBeGreaterThan(10);
    expect(await rig.list('home/partial')).toEqual([]);
  });

  it('goes on where an earlier head stopped', async () => {
    const rig = await rigWith(release.whole);
    mirror.cutAfter = 70_000;
    expect((await rig.start(order()).ended).code).toBe(0);
    const starts = mirror.requests.map((r) => r.range);
    expect(starts.slice(0, 2)).toEqual(['bytes=0-', expect.not.stringMatching(/^bytes=0-/)]);
  });

  it('gets there from a mirror without ranges, also when a part is there already', async () => {
    mirror.ignoresRanges = true;
    mirror.cutAfter = 70_000;
    const rig = await rigWith(release.whole);
    const head = rig.start(order());
    await until(async () => mirror.requests.length > 3);
    mirror.cutAfter = Infinity;
    expect((await head.ended).code).toBe(0);
  });

  it.for(['wget xz', 'wget gzip', 'wget python3', 'curl xz', 'curl gzip', 'python3'])(
    'is content with %s',
    async (words, { skip }) => {
      const tools = words.split(' ');
      if ((await present(...tools)).length < tools.length) skip(`this machine lacks one of ${words}`);
      const rig = await rigWith(release.whole.subarray(0, 5000), tools);
      expect((await rig.start(withHello()).ended).code).toBe(0);
      await until(async () => mirror.hellos.length >= 2);
      expect(mirror.hellos.map((h) => (JSON.parse(h.body) as { stage: string }).stage).sort()).toEqual([
        'part_two',
        'start',
      ]);
      expect((await rig.read('argv.log')).length).toBeGreaterThan(0);
      expect(await rig.read('argv.log')).not.toContain(MAC);
    },
  );

  it('keeps asking when no mirror has it, with a growing pause', async () => {
    const digest = release.digest('payload');
    mirror.instead.set(digest, Buffer.alloc(3, 'no'));
    const rig = await rigWith(release.head);
    const head = rig.start(withHello());
    const sleeps = await until(async () => {
      const seen = (await rig.read('sleeps.log')).trim().split('\n');
      return seen.length >= 10 && seen;
    }, 40_000); // a round asks by every tool, whole and in small ranges: about a second
    expect(sleeps.slice(7, 10)).toEqual(['60', '60', '60']);
    mirror.instead.delete(digest);
    expect((await head.ended).code).toBe(0);
    expect(mirror.hellos.map((h) => h.body)).toContain('{"worker":"rig-7","stage":"payload","code":1}');
  });
});

describe('hello', () => {
  it('says start, by the token, and keeps the token out of its log', async () => {
    const rig = await rigWith(release.whole);
    expect(
      (
        await rig.start(withHello({ SPOTRIG_COLLECTOR: `${mirror.url}#frp=c, http://127.0.0.1:1, ${mirror.url}/` }))
          .ended
      ).code,
    ).toBe(0);
    await until(async () => mirror.hellos.length > 0);
    expect(mirror.hellos).toEqual([
      { authorization: `Bearer ${TOKEN}`, body: '{"worker":"rig-7","stage":"start","code":0}' },
    ]);
    expect(mirror.requests.map((r) => r.authorization)).toEqual([undefined]);
    const log = await rig.read('home/log/head.log');
    expect(log).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ head: start, boot [0-9a-f]{32}\n/);
    expect(log).not.toContain(MAC);
  });

  it.each(['wget', 'curl', 'python3'])(
    'is JSON and runs nothing, whatever the order’s values are: %s',
    async (tool) => {
      const rig = await rigWith(release.whole, [tool, ...(await present('gzip'))]);
      const trap = `";touch ${rig.dir}/executed;$(touch ${rig.dir}/executed)\`touch ${rig.dir}/executed\`\n'output="${rig.dir}/executed"`;
      const env = {
        SPOTRIG_TOKEN: `${TOKEN.replace('rig-7', `rig-7"\\${trap}`)}\nuser="x:y"`,
        WORKER_NAME: trap,
        SPOTRIG_BOOT: trap,
      };
      const mirrors = `${trap} --post-file=/etc/hostname http://127.0.0.1:1/${trap}`;
      const run = rig.start(
        withHello({
          ...env,
          SPOTRIG_MIRRORS: mirrors,
          SPOTRIG_COLLECTOR: `${trap},${mirror.url}`,
          SPOTRIG_POOLS: trap,
        }),
      );
      expect((await run.ended).code).toBe(0);
      expect(await rig.list('.')).not.toContain('executed');
      const hellos = await until(async () => (mirror.hellos.length > 0 || tool === 'python3') && mirror.hellos);
      for (const { body } of hellos)
        expect(Object.keys(JSON.parse(body) as object)).toEqual(['worker', 'stage', 'code']);
    },
  );

  it('works in a home with blanks behind a link, from a script with blanks in its path', async () => {
    const rig = await rigWith(release.whole.subarray(0, 3000));
    const script = `${rig.dir}/a place/on start.sh`;
    await mkdir(`${rig.dir}/a place`);
    await mkdir(`${rig.dir}/real home`);
    await symlink(`${rig.dir}/real home`, `${rig.dir}/my home`);
    await rename(rig.script, script);
    const env = { PATH: `${rig.dir}/bin`, ...withHello({ SPOTRIG_HOME: `${rig.dir}/my home` }) };
    const run = await execa('a place/on start.sh', [], { cwd: rig.dir, extendEnv: false, env, reject: false });
    expect(run.exitCode).toBe(0);
    expect(await rig.list('real home/artifacts')).toHaveLength(2);
    expect(await rig.list('a place')).toEqual(['on start.sh']);
    await until(async () => mirror.hellos.length > 0);
  });

  it('says nothing without a token', async () => {
    const rig = await rigWith(release.whole);
    await rig.start(order({ SPOTRIG_COLLECTOR: mirror.url, STAND_IN: 'exit 78' })).ended;
    expect(mirror.hellos).toEqual([]);
  });
});

describe('the Node process', () => {
  it('is fetched again, as the payload is, when it does not run because the disk damaged it', async () => {
    const rig = await rigWith(release.whole);
    await rig.start(order()).ended;
    const artefacts = await rig.list('home/artifacts');
    for (const folder of artefacts) {
      for (const name of await rig.list(`home/artifacts/${folder}`)) {
        await writeFile(`${rig.home}/artifacts/${folder}/${name}`, 'exit 3;\n', { mode: 0o700 });
      }
    }
    expect((await rig.start(order()).ended).code).toBe(0);
    const runtime = `/artifacts/${release.runtime}`;
    expect(mirror.requests.map((r) => r.path)).toEqual([runtime, runtime]);
    expect(await rig.list('home/artifacts')).toEqual(artefacts);
    expect((await rig.notes()).filter((n) => n['event'] === 'start')).toHaveLength(2);
  });

  it('bad settings end the head with 78, after a hello', async () => {
    const rig = await rigWith(release.whole);
    expect((await rig.start(withHello({ STAND_IN: 'exit 78' })).ended).code).toBe(78);
    expect(mirror.hellos.map((h) => h.body)).toContain('{"worker":"rig-7","stage":"settings","code":78}');
    expect(await rig.notes()).toHaveLength(1);
  });

  it('is started again after any other end, with a growing pause and the same boot', async () => {
    const rig = await rigWith(release.whole);
    rig.start(withHello({ STAND_IN: 'exit 5' }));
    const notes = await until(async () => {
      const seen = await rig.notes();
      return seen.length >= 9 && seen;
    });
    expect(new Set(notes.map((n) => n['boot'])).size).toBe(1);
    expect((await rig.read('sleeps.log')).trim().split('\n').slice(0, 8)).toEqual([
      '1',
      '2',
      '4',
      '8',
      '16',
      '32',
      '60',
      '60',
    ]);
    expect(mirror.hellos.map((h) => h.body)).toContain('{"worker":"rig-7","stage":"node","code":5}');
  });

  it.each([['SIGTERM', 41], ['SIGINT', 42], ['SIGHUP', 43]] as const)('gets %s, and the head ends with its code', async (signal, code) => {
    const rig = await rigWith(release.whole);
    const head = rig.start(order({ STAND_IN: 'serve' }));
    await until(async () => (await rig.notes()).some((n) => n['event'] === 'ready'));
    kill(head.pid, signal);
    expect((await head.ended).code).toBe(code);
    expect((await rig.notes()).map((n) => n['event'])).toEqual(['start', 'ready', signal]);
  }); // prettier-ignore

  it('a signal during a download ends the head and its tools', async () => {
    const rig = await rigWith(release.head);
    mirror.gate = new Promise(() => {});
    const head = rig.start(order());
    await until(async () => mirror.requests.length > 0);
    kill(head.pid, 'SIGTERM');
    expect((await head.ended).code).toBe(143);
    expect(await rig.notes()).toEqual([]);
  });
});

describe('two heads at once', () => {
  it('the others wait; when the first is killed alone, its Node goes too and exactly one takes over', async () => {
    const rig = await rigWith(release.whole);
    const heads = Array.from({ length: 5 }, () => rig.start(withHello({ STAND_IN: 'serve' })));
    await until(async () => mirror.hellos.filter((h) => h.body.includes('"lock"')).length === 4);
    for (let round = 1; round <= 3; round += 1) {
      const notes = await until(async () => {
        const seen = await rig.notes();
        return seen.filter((n) => n['event'] === 'ready').length === round && seen;
      });
      const node = Number(notes.at(-1)?.['pid']);
      const owner = await until(async () => {
        const parent = await parentOf(node);
        return heads.find((head) => head.pid === parent);
      });
      kill(owner.pid, 'SIGKILL');
      await until(async () => (await rig.notes()).length === 2 * round + 2);
      expect(await parentOf(node)).toBeNull();
    }
    expect(await rig.notes()).toHaveLength(8);
  });

  it('started at any moment, the first killed at any moment: one Node, whole artefacts, and the other takes over', async () => {
    const seed = randomInt(2 ** 31);
    const random = seeded(seed);
    for (let round = 0; round < 6; round += 1) {
      const where = `seed ${seed}, round ${round}`;
      const rig = await rigWith(release.whole.subarray(0, random() < 0.5 ? 3000 : undefined));
      const first = rig.start(order({ STAND_IN: 'serve' }));
      await sleep(random() * 120);
      const second = rig.start(order({ STAND_IN: 'serve' }));
      await sleep(random() * 500);
      const killed = random() < 0.5 ? first : second;
      kill(killed.pid, 'SIGKILL');
      const left = killed === first ? second : first;
      const node = await until(async () => {
        const ready = (await rig.notes()).filter((n) => n['event'] === 'ready').map((n) => Number(n['pid']));
        const parents = await Promise.all(ready.map(parentOf));
        return parents.includes(left.pid) && { parents };
      });
      // Its own Node is the only one that lives.
      expect(
        node.parents.filter((parent) => parent !== null),
        where,
      ).toEqual([left.pid]);
      expect(await rig.list('home/artifacts'), where).toEqual(
        [release.digest('payload'), await runtimeOf(rig)].toSorted(),
      );
      // A kill between an artefact's rename and the removal of what it came of leaves that, whole; Node's store takes it away.
      const whole = ['payload', 'Node runtime', 'gzip'].map((word) => release.digest(word));
      expect(
        (await rig.list('home/partial')).filter((name) => !whole.includes(name)),
        where,
      ).toEqual([]);
      await rig.destroy();
      rigs.splice(rigs.indexOf(rig), 1);
    }
  });

  it('heal one file together', async () => {
    const rig = await rigWith(release.whole.subarray(0, 3000));
    const heads = Array.from({ length: 4 }, () => rig.start(order()));
    expect((await Promise.all(heads.map((head) => head.ended))).map((end) => end.code)).toEqual([0, 0, 0, 0]);
    expect(await readFile(rig.script)).toEqual(release.head);
    expect(await rig.notes()).toHaveLength(4);
  });
});
