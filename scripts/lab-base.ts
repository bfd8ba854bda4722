// Base images of the lab: Debian by debootstrap and docker import, since no registry is reachable.
import { mkdir, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { $, which } from 'zx';
import { LAB_BASE_IMAGE, LAB_IMAGES_BASE } from '../test/lab/docker.ts';

const quiet = $({ nothrow: true, quiet: true });

interface LabBase {
  readonly ref: string;
  readonly packages: readonly string[];
  /** Without what Debian's own slim images leave out, and without apt's lists and archives. */
  readonly slim: boolean;
}

const LAB_BASES: readonly LabBase[] = [
  // What CLORE's image promises (bash, wget, python3, coreutils, tar, gzip, sshd), curl and xz, and Debian's xmrig.
  {
    ref: LAB_BASE_IMAGE,
    packages: ['wget', 'curl', 'ca-certificates', 'python3', 'xz-utils', 'openssh-server', 'xmrig'],
    slim: false,
  },
  // What our Dockerfiles are built from, with the packages that they would install: their builds then need no network.
  {
    ref: LAB_IMAGES_BASE,
    packages: [
      ...['wget', 'ca-certificates', 'xz-utils', 'libstdc++6', 'xmrig', 'ocl-icd-libopencl1'],
      ...['openssh-server', 'htop', 'nvtop', 'procps', 'iproute2'],
    ],
    slim: true,
  },
];

/** What the slim images of Debian lack, by their own list; copyright files stay. */
const SLIMMING = [
  'find usr/share/doc -mindepth 1 -not -name copyright -not -type d -delete',
  'find usr/share/doc -type d -empty -delete',
  'rm -rf usr/share/man/* usr/share/info/* usr/share/locale/* var/lib/apt/lists/* var/cache/apt/* var/cache/debconf/*-old',
  'rm -rf var/log/* etc/ssh/ssh_host_*',
].join(' && ');

/** Makes those that the engine lacks; resolves with why it cannot, or null. */
export async function makeLabBases(): Promise<string | null> {
  for (const base of LAB_BASES) {
    if ((await quiet`docker image inspect ${base.ref}`).exitCode === 0) continue;
    const complaint = await make(base);
    if (complaint !== null) return complaint;
  }
  return null;
}

async function make({ ref, packages, slim }: LabBase): Promise<string | null> {
  if ((await which('debootstrap', { nothrow: true })) === null) return 'no base image, and no debootstrap to make one';
  if (process.getuid?.() !== 0) return 'no base image, and only root can make one with debootstrap';
  console.log(`lab: making the base image ${ref} with debootstrap (a minute or two) …`);
  const [dir, debs] = [resolve('.cache/lab/trixie'), resolve('.cache/lab/debs')];
  await rm(dir, { recursive: true, force: true });
  for (const folder of [dir, debs]) await mkdir(folder, { recursive: true });
  const include = packages.join(',');
  const made = await quiet`debootstrap --variant=minbase --cache-dir=${debs} --include=${include} trixie ${dir}`;
  if (made.exitCode !== 0) return `debootstrap failed: ${made.stdout.slice(-400)}`;
  if (slim) await $({ quiet: true, cwd: dir })`sh -c ${SLIMMING}`;
  await $({ quiet: true })`tar -C ${dir} -c . | docker import - ${ref}`;
  await rm(dir, { recursive: true, force: true });
  return null;
}
