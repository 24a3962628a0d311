/** Another user's process: `stranger <file>...` attacks each file, then squats names in the sticky folder of $STICKY. */
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import * as native from '@ipc/native';
import { unix } from '@ipc/socket';

const files = process.argv.slice(2);
const { STICKY: sticky = '', ABSTRACT: abstract = '' } = process.env;
const nonBlocking = constants.O_NONBLOCK | constants.O_NOFOLLOW;

/** A name this user may take, in the same file system. */
const mineBeside = (file: string): string =>
  join(file.startsWith('/dev/shm/') ? '/dev/shm' : sticky, `stranger-${process.pid}`);

const attacks: Readonly<Record<string, (file: string) => void>> = {
  read: (file) => {
    closeSync(openSync(file, constants.O_RDONLY | nonBlocking));
  },
  write: (file) => {
    closeSync(openSync(file, constants.O_WRONLY | nonBlocking));
  },
  truncate: (file) => {
    truncateSync(file, 0);
  },
  lock: (file) => native.claimPath(file)?.release({ keepFile: true }),
  chmod: (file) => {
    chmodSync(file, 0o666);
  },
  chown: (file) => {
    chownSync(file, process.getuid?.() ?? -1, process.getgid?.() ?? -1);
  },
  link: (file) => {
    linkSync(file, mineBeside(file));
  },
  rename: (file) => {
    renameSync(file, mineBeside(file));
  },
  replace: (file) => {
    writeFileSync(mineBeside(file), '');
    renameSync(mineBeside(file), file);
  },
  unlink: (file) => {
    unlinkSync(file);
  },
};

const refusals = new Set(['EACCES', 'EPERM']);

function attempt(attack: () => void): string | undefined {
  try {
    attack();
    return 'it was possible';
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    return refusals.has(code) ? undefined : code;
  }
}

let made = 0;
const findings: string[] = [];
const note = (what: string, outcome: string | undefined): void => {
  made++;
  if (outcome !== undefined) findings.push(`${what}: ${outcome}`);
};
for (const file of files) {
  for (const [name, attack] of Object.entries(attacks))
    note(
      `${name} ${file}`,
      attempt(() => {
        attack(file);
      }),
    );
  rmSync(mineBeside(file), { force: true });
  if (!lstatSync(file).isSocket()) continue;
  for (const type of ['stream', 'seqpacket', 'datagram'] as const) {
    const fd = native.socket(type);
    const outcome = attempt(() => native.connect(fd, file));
    note(`connect ${type} ${file}`, outcome === 'EPROTOTYPE' ? undefined : outcome);
    native.close(fd);
  }
}

// An abstract name has no permissions: the one who listens on it decides.
for (const [suffix, expected] of [
  ['', 'ERR_IPC_PEER_GONE'],
  ['-all', 'welcome'],
] as const) {
  const channel = await unix({ namespace: 'abstract' }).connect(abstract + suffix);
  const got = await channel.receive().then(
    (message) => new TextDecoder().decode(message),
    (error: unknown) => (error as NodeJS.ErrnoException).code,
  );
  await channel.close();
  note(`connect abstract ${abstract}${suffix}`, got === expected ? undefined : String(got));
}

// Names taken before their user comes. What listens here is open to all, as bait.
symlinkSync(join(sticky, '..', 'precious'), join(sticky, 'linked.lock'));
writeFileSync(join(sticky, 'plain'), 'mine');
symlinkSync('/nowhere', join(sticky, 'dangling'));
mkdirSync(join(sticky, 'ipc-0'), { mode: 0o777 });
const bait = native.socket('stream');
native.bind(bait, join(sticky, 'bait'));
native.listen(bait, 8);
process.once('message', () => {
  process.exit(0);
});
process.send?.({ made, findings });
