import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: ['{packages,apps,tools}/*/vitest.config.ts'],
    // Suites start real processes and pin real kernel objects: side by side they would only starve each other.
    fileParallelism: false,
  },
});
