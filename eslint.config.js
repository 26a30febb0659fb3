/** The house rules (sizes, promises, imports). Prettier decides how code looks; nothing here is about looks. */
import js from "@eslint/js";
import { defineConfig } from "eslint/config";
import node from "eslint-plugin-n";
import tseslint from "typescript-eslint";

/** A silenced rule tells its reason after `--`, for the one who wonders whether it still holds. */
const reasonedDisable = {
  meta: { type: "suggestion", messages: { reason: "say why after `--`: eslint-disable-next-line rule -- reason" } },
  create: (context) => ({
    Program() {
      for (const comment of context.sourceCode.getAllComments()) {
        if (/^\s*eslint-disable/.test(comment.value) && !/\s--\s+\S/.test(comment.value)) {
          context.report({ loc: comment.loc, messageId: "reason" });
        }
      }
    },
  }),
};
const house = { rules: { "reasoned-disable": reasonedDisable } };

const codeLines = { skipBlankLines: true, skipComments: true };
const sizes = {
  "max-lines": ["error", { max: 300, ...codeLines }],
  "max-lines-per-function": ["error", { max: 50, ...codeLines }],
  "max-params": ["error", 4],
  // `??` and `?.` count like an `if` does, hence two more than a guide of ten.
  complexity: ["error", { max: 12, variant: "modified" }],
  "max-depth": ["error", 3],
};

const noDefaultExport = {
  selector: "ExportDefaultDeclaration",
  message: "Export it by name: a name that is the same everywhere can be searched for.",
};

export default defineConfig(
  { ignores: ["**/node_modules/", "dist/", "web/dist/", ".fermi/", "coverage/"] },
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  js.configs.recommended,
  {
    plugins: { house, n: node },
    rules: { ...sizes, eqeqeq: ["error", "always", { null: "ignore" }], "house/reasoned-disable": "error" },
  },
  {
    files: ["src/**/*.ts", "test/**/*.ts", "bench/**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: "./tsconfig.check.json", tsconfigRootDir: import.meta.dirname } },
    rules: {
      "max-nested-callbacks": ["error", 2],
      "no-console": "error",
      "no-restricted-syntax": ["error", noDefaultExport],
      "max-params": "off",
      "@typescript-eslint/max-params": ["error", { max: 4 }],
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "separate-type-imports" }],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      // Numbers in a message are fine; objects, null and undefined are what this rule is for.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/no-confusing-void-expression": [
        "error",
        { ignoreArrowShorthand: true, ignoreVoidOperator: true, ignoreVoidReturningFunctions: true },
      ],
      // Rows are returned from resolvers as they are: GraphQL types describe shapes, nobody asks for instances.
      "@typescript-eslint/no-unsafe-class-instance-assignment": "off",
      // A GraphQL or database type is a class whose decorators are its content.
      "@typescript-eslint/no-extraneous-class": ["error", { allowWithDecorator: true }],
      "@typescript-eslint/no-unused-vars": ["error", { ignoreRestSiblings: true, argsIgnorePattern: "^_" }],
    },
  },
  { files: ["src/**/*.ts"], ignores: ["src/config/**"], rules: { "n/no-process-env": "error" } },
  { files: ["src/cli/**/*.ts"], rules: { "no-console": "off" } },
  {
    // A resolver method is permission, verb and one call.
    files: ["src/resolvers/**/*.resolver.ts"],
    rules: { "max-lines-per-function": ["error", { max: 15, ...codeLines }] },
  },
  {
    files: ["test/**/*.ts"],
    rules: {
      // A `describe` is one function, and its nesting is its outline.
      "max-lines-per-function": "off",
      "max-lines": ["error", { max: 400, ...codeLines }],
      "@typescript-eslint/max-params": ["error", { max: 5 }],
      "max-nested-callbacks": ["error", 6],
      // Answers of the API and of functions arrive as JSON; the assertion is their type check.
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-return": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
      // A fake stream may have nothing to give.
      "require-yield": "off",
      "@typescript-eslint/no-empty-function": "off",
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/unbound-method": "off",
    },
  },
  {
    files: ["**/*.js", "**/*.mjs", "**/*.cjs"],
    languageOptions: { ecmaVersion: 2023, globals: nodeGlobals() },
    rules: { "no-unused-vars": ["error", { ignoreRestSiblings: true }] },
  },
  { files: ["**/*.cjs"], languageOptions: { sourceType: "commonjs" } },
  {
    files: ["web/**/*.{js,jsx,mjs}"],
    languageOptions: { parserOptions: { ecmaFeatures: { jsx: true } }, globals: browserGlobals() },
    // JSX names count as uses only with a plugin for React, which this one page does not need.
    rules: { "no-unused-vars": "off" },
  },
);

function nodeGlobals() {
  return readonly(
    "AbortController AbortSignal Blob Buffer FormData Headers ReadableStream Request Response TextDecoder TextEncoder",
    "URL URLSearchParams WebSocket clearImmediate clearInterval clearTimeout console crypto fetch performance process",
    "queueMicrotask setImmediate setInterval setTimeout structuredClone",
  );
}

function browserGlobals() {
  return readonly("document history localStorage location navigator self window Worker");
}

function readonly(...lists) {
  return Object.fromEntries(lists.flatMap((list) => list.split(" ")).map((name) => [name, "readonly"]));
}
