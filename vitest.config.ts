import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/**/*.test.ts"], exclude: ["test/e2e/**", "test/laws/**", "test/conformance/**", "test/chaos/**"], testTimeout: 20_000 } },
      { test: { name: "conformance", include: ["test/conformance/**/*.test.ts"], testTimeout: 60_000 } },
      { test: { name: "laws", include: ["test/laws/**/*.test.ts"], setupFiles: ["test/laws/setup.ts"], testTimeout: 300_000 } },
      { test: { name: "e2e", include: ["test/e2e/**/*.test.ts", "test/chaos/**/*.test.ts"], globalSetup: ["test/e2e/global-setup.ts"], fileParallelism: false, testTimeout: 120_000, hookTimeout: 120_000 } },
    ],
  },
});
