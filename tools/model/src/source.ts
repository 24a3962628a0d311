/**
 * The shipped source, file by file, as functions that run it with other globals and other imports.
 *
 * Nothing in the packages knows of this: what is checked is what is shipped, and costs nothing there. Each call of
 * `load` makes the modules anew, so that every run of a party starts with module variables of its own, as a thread does.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { basename, dirname, relative, resolve } from 'node:path';
import { compileFunction } from 'node:vm';
import ts from 'typescript';
import { instrument } from './instrument.ts';
import { frames } from './party.ts';

/** The root of the repository. */
const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');

/** A change of the source: a test of the checker, or a constant made small. */
export interface Edit {
  /** Relative to the repository. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly from: string;
  readonly to: string;
}

/** An edit that does not fit the source any more. */
export class StaleEdit extends Error {}

/** A private field or method of an object that such source made. */
export function hidden(object: object, field: string): unknown {
  const names = [object, Object.getPrototypeOf(object) as object].flatMap((each) =>
    Object.getOwnPropertyNames(each),
  );
  const name = names.find((key) => key.startsWith(`${field}$`));
  if (name === undefined) throw new Error(`there is no #${field}`);
  return (object as Record<string, unknown>)[name];
}

export type Exports = Record<string, unknown>;
type Factory = (
  exports: Exports,
  require: (specifier: string) => unknown,
  ...globals: readonly unknown[]
) => void;

/** What an import stands for: another file, or something instead. */
type Target = { readonly path: string } | { readonly imported: unknown };

interface Module {
  readonly run: Factory;
  /** By specifier; filled on the way. */
  readonly targets: Record<string, Target>;
}

export class Source {
  readonly #edits: readonly Edit[];
  readonly #globals: Readonly<Record<string, unknown>>;
  readonly #imports: Readonly<Record<string, unknown>>;
  readonly #globalValues: readonly unknown[];
  readonly #modules = new Map<string, Module>();
  readonly #unused: Set<Edit>;
  readonly #isInstrumented: boolean;
  readonly #variables: (() => unknown)[] = [];
  /** What instrumented source calls. */
  readonly #hooks: Readonly<Record<string, unknown>> = {
    $call: <Value>(body: () => Value) => {
      const open = frames();
      return open === undefined ? body() : open.call(body);
    },
    $loop: (locals: () => unknown) => frames()?.loop(locals),
    $module: (variables: () => unknown) => this.#variables.push(variables),
  };

  /**
   * @param globals - By name, instead of the real ones.
   * @param imports - By specifier, instead of the packages and of `node:` modules; or by path in the repository, instead
   *   of one of its files. Other relative imports are followed.
   * @param isInstrumented - Whether a party can remember by what calls leave (frames.ts). Evaluate each module once, then.
   */
  constructor(
    globals: Readonly<Record<string, unknown>>,
    imports: Readonly<Record<string, unknown>>,
    edits: readonly Edit[] = [],
    isInstrumented = false,
  ) {
    this.#globals = isInstrumented ? { ...globals, ...this.#hooks } : globals;
    this.#globalValues = Object.values(this.#globals);
    this.#isInstrumented = isInstrumented;
    this.#imports = imports;
    this.#edits = edits;
    this.#unused = new Set(edits);
  }

  /**
   * The exports of a file of the repository, evaluated with everything it imports.
   *
   * @param known - What is evaluated already; grows. @default nothing
   */
  load(file: string, known?: Map<string, Exports>): Exports {
    const modules = known ?? new Map<string, Exports>();
    const evaluate = (path: string): Exports => {
      const loaded = modules.get(path);
      if (loaded !== undefined) return loaded;
      const exports: Exports = {};
      modules.set(path, exports);
      const { run, targets } = this.#module(path);
      const require = (specifier: string): unknown => {
        const target = (targets[specifier] ??= this.#resolve(path, specifier));
        return 'path' in target ? evaluate(target.path) : target.imported;
      };
      run(exports, require, ...this.#globalValues);
      return exports;
    };
    return evaluate(resolve(root, file));
  }

  /** The variables of the modules it has evaluated, if it is instrumented. */
  get variables(): readonly (() => unknown)[] {
    return this.#variables;
  }

  #resolve(from: string, specifier: string): Target {
    const path = specifier.startsWith('.') ? resolve(dirname(from), specifier) : undefined;
    const imported = this.#imports[path === undefined ? specifier : relative(root, path)];
    if (imported !== undefined) return { imported };
    if (path !== undefined) return { path };
    throw new Error(`${relative(root, from)} imports ${specifier}, which is not modelled`);
  }

  /** Edits in files that nothing has loaded: they change nothing. */
  get unusedEdits(): readonly Edit[] {
    return [...this.#unused];
  }

  #module(path: string): Module {
    const known = this.#modules.get(path);
    if (known !== undefined) return known;
    const source = readFileSync(path, 'utf8');
    const text = this.#edited(path, source);
    const globals = Object.keys(this.#globals);
    const module = {
      run:
        text === source
          ? (compiled[`${globals.join()} ${path}`] ??= compile(path, text, globals, this.#isInstrumented))
          : compile(path, text, globals, this.#isInstrumented),
      targets: {},
    };
    this.#modules.set(path, module);
    return module;
  }

  #edited(path: string, source: string): string {
    let text = source;
    for (const edit of this.#edits) {
      if (resolve(root, edit.file) !== path) continue;
      const parts = text.split(edit.from);
      if (parts.length !== 2) {
        throw new StaleEdit(
          `${edit.file} has ${parts.length - 1} places that read "${edit.from}", expected one: adapt the edit`,
        );
      }
      text = parts.join(edit.to);
      this.#unused.delete(edit);
    }
    return text;
  }
}

/** What is shipped, by globals and path: many scenarios load the same. */
const compiled: Record<string, Factory> = {};

function compile(path: string, text: string, globals: readonly string[], isInstrumented: boolean): Factory {
  // Private fields become ordinary ones, so that the state of an object can be compared (local-state.ts). Each file has
  // names of its own: a class and its base may have private fields of the same name.
  const own = basename(path, '.ts').replaceAll('-', '_');
  const { outputText } = ts.transpileModule(text.replaceAll(/#([a-z]\w*)/gi, `$1$$${own}`), {
    ...(isInstrumented ? { transformers: { before: [instrument] } } : {}),
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2023 },
  });
  return compileFunction(outputText, ['exports', 'require', ...globals], { filename: path }) as Factory;
}
