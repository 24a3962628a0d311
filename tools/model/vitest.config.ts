import { defineProject } from 'vitest/config';

export default defineProject({
  test: {
    environment: 'node',
    pool: 'forks',
    testTimeout: 60_000, // watchdogs, not measures: the machine may be busy
    hookTimeout: 60_000,
    include: ['test/**/*.test.ts'],
    server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } },
  },
});
