// Each package is one file: Node finds, reads and links every module of its own, and an importer pays that at each start
// of a process. What is not the package's own source stays an import.
export default {
  input: 'src/index.ts',
  platform: 'node',
  external: (id) => !/^[./]/.test(id),
  output: { file: 'dist/index.js', format: 'esm', sourcemap: true },
};
