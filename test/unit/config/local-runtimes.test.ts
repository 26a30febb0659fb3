import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { readConfig } from "../../../src/config/read-config.js";

describe("FERMI_LOCAL_RUNTIMES", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), "fermi-config-"));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const read = (content: string) => {
    const file = path.join(dir, "runtimes.json");
    writeFileSync(file, content);
    return readConfig([], { FERMI_LOCAL_RUNTIMES: file }).localRuntimes;
  };

  it("is a file of images, their contracts and their commands, which may name its own folder", () => {
    const command = ["node", "{dir}/server.js", "--port", "{port}"];
    expect(read(JSON.stringify({ "fission/node-env": { contracts: ["FISSION_V1", "FISSION_V2"], command } }))).toEqual([
      {
        image: "fission/node-env",
        contracts: ["FISSION_V1", "FISSION_V2"],
        command: ["node", `${dir}/server.js`, "--port", "{port}"],
      },
    ]);
    expect(readConfig([], {}).localRuntimes).toBeNull();
  });

  it.each([
    ["{", "must be JSON"],
    ["[]", "must be a JSON object"],
    [`{"a/b": {"contracts": ["FISSION_V2"]}}`, "lacks a command for a/b"],
    [`{"a/b": {"contracts": ["FISSION_V2"], "command": []}}`, "lacks a command for a/b"],
    [`{"a/b": {"contracts": ["FISSION_V2"], "command": "node server.js"}}`, "lacks a command for a/b"],
    [`{"a/b": {"contracts": [], "command": ["node"]}}`, "lacks contracts for a/b: a list of FERMI, FISSION_V1"],
    [`{"a/b": {"contracts": ["FISSION_V3"], "command": ["node"]}}`, "lacks contracts for a/b"],
    [`{"a/b": null}`, "lacks a command for a/b"],
  ])("says what is wrong with %s", (content, message) => {
    expect(() => read(content)).toThrow(`FERMI_LOCAL_RUNTIMES names a file that ${message}`);
  });

  it("says that a file is not there", () => {
    expect(() => readConfig([], { FERMI_LOCAL_RUNTIMES: path.join(dir, "none.json") })).toThrow("can't be read");
  });
});
