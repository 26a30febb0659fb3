/** @type {import('jest').Config} */
export default {
  testEnvironment: "node",
  roots: ["<rootDir>/test"],
  extensionsToTreatAsEsm: [".ts"],
  moduleNameMapper: { "^(\\.{1,2}/.*)\\.js$": "$1" },
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      {
        jsc: {
          target: "es2022",
          parser: { syntax: "typescript", decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: false, useDefineForClassFields: false },
          keepClassNames: true,
        },
        module: { type: "es6" },
        sourceMaps: "inline",
      },
    ],
  },
  globalSetup: "<rootDir>/test/support/global-setup.mjs",
  globalTeardown: "<rootDir>/test/support/global-teardown.mjs",
  testSequencer: "<rootDir>/test/support/longest-first.mjs",
  testTimeout: 30_000,
  // More than the least machine has cores: many tests wait for processes most of the time.
  maxWorkers: 3,
  // Modules of test files that are done are not given back by a worker; without this it grows to 4 GB and collects garbage most of the time.
  workerIdleMemoryLimit: "1GB",
};
