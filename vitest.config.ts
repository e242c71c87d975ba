import { defineConfig } from "vitest/config";

/** Need no API server: they run beside the others, which wait for theirs. */
const browser = ["test/e2e/console.test.ts", "test/e2e/console-large.test.ts"];

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/**/*.test.ts"], exclude: ["test/e2e/**", "test/laws/**", "test/conformance/**", "test/chaos/**"], isolate: false, testTimeout: 20_000 } },
      { test: { name: "conformance", include: ["test/conformance/**/*.test.ts"], testTimeout: 60_000 } },
      { test: { name: "laws", include: ["test/laws/**/*.test.ts"], setupFiles: ["test/laws/setup.ts"], testTimeout: 300_000 } },
      { test: { name: "browser", include: browser, testTimeout: 120_000, hookTimeout: 120_000 } },
      { test: { name: "e2e", include: ["test/e2e/**/*.test.ts", "test/chaos/**/*.test.ts"], exclude: browser, globalSetup: ["test/e2e/global-setup.ts"], fileParallelism: false, testTimeout: 120_000, hookTimeout: 120_000 } },
    ],
  },
});
