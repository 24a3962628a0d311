/**
 * Loads the addon: the one built here if there is one, else the one that was shipped.
 *
 * Importing never fails. Where there is no addon (not Linux, not built, built for another C library), every function
 * throws ERR_IPC_UNSUPPORTED when it is called, so that what needs no system calls of ours works everywhere.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * A function of the addon. Its signature is declared where it is exported, next to its documentation; `never` is
 * what lets this type be assigned to each of them.
 */
type NativeFunction = (...args: unknown[]) => never;

const target = `${process.platform}-${process.arch}`;

function load(): Record<string, NativeFunction> | Error {
  const causes: unknown[] = [];
  for (const folder of ['build', 'prebuilds']) {
    const path = fileURLToPath(new URL(`../${folder}/${target}/addon.node`, import.meta.url));
    if (!existsSync(path)) continue;
    try {
      return createRequire(import.meta.url)(path) as Record<string, NativeFunction>;
    } catch (cause) {
      causes.push(cause);
    }
  }
  const packageFolder = fileURLToPath(new URL('..', import.meta.url));
  const [cause] = causes;
  const reason =
    process.platform !== 'linux'
      ? `it needs Linux and this is ${target}; TCP and the in-process transport work without it`
      : cause instanceof Error
        ? `the addon for ${target} does not load here (${cause.message}); run "node scripts/build.mjs" in ${packageFolder}`
        : `there is no addon for ${target}; install a C compiler and run "node scripts/build.mjs" in ${packageFolder}`;
  return Object.assign(new Error(`@ipc/native is not available: ${reason}`, { cause }), {
    code: 'ERR_IPC_UNSUPPORTED',
  });
}

const addon = load();

/**
 * Why the functions of this package cannot be called here, or `undefined` when they can.
 *
 * @returns An Error with code ERR_IPC_UNSUPPORTED whose message says what is missing and what to do.
 */
export function unavailable(): Error | undefined {
  return addon instanceof Error ? addon : undefined;
}

/** The addon's function of that name itself (no wrapper), or one that throws why there is none. */
export function native(name: string): NativeFunction {
  if (addon instanceof Error) {
    return () => {
      throw addon;
    };
  }
  const nativeFunction = addon[name];
  if (nativeFunction === undefined) {
    throw new Error(`@ipc/native: the addon has no "${name}"; it is older than this package: build it again`);
  }
  return nativeFunction;
}
