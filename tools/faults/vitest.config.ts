import { defineProject } from 'vitest/config';

export default defineProject({
  test: {
    environment: 'node',
    pool: 'forks',
    testTimeout: 20_000, // a watchdog, not a measure: the machine may be busy
    include: ['test/**/*.test.ts'],
    server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } },
  },
});
