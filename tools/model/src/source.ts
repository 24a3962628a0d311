/**
 * The shipped source, file by file, as functions that run it with other globals and other imports.
 *
 * Nothing in the packages knows of this: what is checked is what is shipped, and costs nothing there. Each call of
 * `load` makes the modules anew, so that every run of a party starts with module variables of its own, as a thread does.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { dirname, relative, resolve } from 'node:path';
import { compileFunction } from 'node:vm';
import ts from 'typescript';

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

type Exports = Record<string, unknown>;
type Factory = (
  exports: Exports,
  require: (specifier: string) => unknown,
  ...globals: readonly unknown[]
) => void;

export class Source {
  readonly #edits: readonly Edit[];
  readonly #globals: Readonly<Record<string, unknown>>;
  readonly #imports: Readonly<Record<string, unknown>>;
  readonly #factories = new Map<string, Factory>();
  readonly #unused: Set<Edit>;

  /**
   * @param globals - By name, instead of the real ones.
   * @param imports - By specifier, instead of the packages and of `node:` modules. Relative imports are followed.
   */
  constructor(
    globals: Readonly<Record<string, unknown>>,
    imports: Readonly<Record<string, unknown>>,
    edits: readonly Edit[] = [],
  ) {
    this.#globals = globals;
    this.#imports = imports;
    this.#edits = edits;
    this.#unused = new Set(edits);
  }

  /** The exports of a file of the repository, evaluated anew with everything it imports. */
  load(file: string): Exports {
    const modules = new Map<string, Exports>();
    const evaluate = (path: string): Exports => {
      const loaded = modules.get(path);
      if (loaded !== undefined) return loaded;
      const exports: Exports = {};
      modules.set(path, exports);
      const require = (specifier: string): unknown => {
        if (specifier.startsWith('.')) return evaluate(resolve(dirname(path), specifier));
        const imported = this.#imports[specifier];
        if (imported === undefined)
          throw new Error(`${relative(root, path)} imports ${specifier}, which is not modelled`);
        return imported;
      };
      this.#factory(path)(exports, require, ...Object.values(this.#globals));
      return exports;
    };
    return evaluate(resolve(root, file));
  }

  /** Edits in files that nothing has loaded: they change nothing. */
  get unusedEdits(): readonly Edit[] {
    return [...this.#unused];
  }

  #factory(path: string): Factory {
    const known = this.#factories.get(path);
    if (known !== undefined) return known;
    let text = readFileSync(path, 'utf8');
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
    // Private fields become ordinary ones, so that the state of an object can be compared (local-state.ts).
    text = text.replaceAll(/#([a-z]\w*)/gi, 'private_$1');
    const { outputText } = ts.transpileModule(text, {
      compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2023 },
    });
    const factory = compileFunction(outputText, ['exports', 'require', ...Object.keys(this.#globals)], {
      filename: path,
    }) as Factory;
    this.#factories.set(path, factory);
    return factory;
  }
}
