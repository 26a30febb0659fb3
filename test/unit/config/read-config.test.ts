import { describe, expect, it } from "@jest/globals";
import { readInitSecretsConfig } from "../../../src/config/init-secrets-config.js";
import { ConfigError, readConfig } from "../../../src/config/read-config.js";

const databaseUrl = "postgres://fermi:hidden-password@db/fermi";
const secret = "an-internal-secret-of-32-characters";

const problemsOf = (env: Record<string, string>, args: readonly string[] = []): readonly string[] => {
  try {
    readConfig(args, env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
};

describe("Without any setting", () => {
  it("a process is everything, on loopback, on this machine", () => {
    const { roles, host, cluster, databaseUrl: url, poolmgrUrl } = readConfig([], {});
    expect({ roles, host, cluster, url, poolmgrUrl }).toEqual({
      roles: ["triggers", "poolmgr", "router", "api"],
      host: "127.0.0.1",
      cluster: "local",
      url: null,
      poolmgrUrl: null,
    });
  });
});

describe("Roles", () => {
  const apart = {
    DATABASE_URL: databaseUrl,
    FERMI_INTERNAL_SECRET: secret,
    FERMI_POOLMGR_URL: "http://fermi-poolmgr:31315",
    FERMI_INTERNAL_ROUTER_URL: "http://fermi-router:31314",
  };

  it.each(["api", "router", "poolmgr", "triggers"])("can be one: %s", (role) => {
    expect(readConfig(["--role", role], apart).roles).toEqual([role]);
    expect(readConfig([], { ...apart, FERMI_ROLES: role }).roles).toEqual([role]);
  });

  it("can be several, in any order, each counted once", () => {
    expect(readConfig(["--role", "router, poolmgr,router"], apart).roles).toEqual(["poolmgr", "router"]);
  });

  it.each(["", "cook", "api,cook", "api,,router"])("are refused where one is none: '%s'", (text) => {
    expect(problemsOf(apart, ["--role", text])).toEqual([expect.stringMatching(/^--role must be one of /)]);
  });

  it.each([
    ["router", ["DATABASE_URL", "FERMI_INTERNAL_SECRET", "FERMI_POOLMGR_URL"]],
    ["api", ["DATABASE_URL", "FERMI_INTERNAL_SECRET", "FERMI_POOLMGR_URL", "FERMI_INTERNAL_ROUTER_URL"]],
    ["poolmgr", ["DATABASE_URL", "FERMI_INTERNAL_SECRET"]],
    ["triggers", ["DATABASE_URL", "FERMI_INTERNAL_SECRET", "FERMI_INTERNAL_ROUTER_URL"]],
    ["router,poolmgr", ["DATABASE_URL", "FERMI_INTERNAL_SECRET", "FERMI_POOLMGR_URL"]],
    ["api,router", ["DATABASE_URL", "FERMI_INTERNAL_SECRET", "FERMI_POOLMGR_URL"]],
  ])("say all that they lack where the others are elsewhere: %s", (roles, names) => {
    const problems = problemsOf({ FERMI_ROLES: roles });
    expect(problems.map((problem) => problem.split(" ")[0])).toEqual(names);
    expect(problems.join("\n")).toContain("(this process is ");
  });

  it("need a secret and a server also where all are in one process that knows of others", () => {
    const problems = problemsOf({ FERMI_POOLMGR_URL: "http://fermi-poolmgr:31315" });
    expect(problems.map((problem) => problem.split(" ")[0])).toEqual(["DATABASE_URL", "FERMI_INTERNAL_SECRET"]);
  });
});

describe("Listening", () => {
  it("beyond loopback demands a token of a process that is the api, and of no other", () => {
    const env = { FERMI_HOST: "0.0.0.0", DATABASE_URL: databaseUrl, FERMI_INTERNAL_SECRET: secret };
    expect(problemsOf(env)).toEqual([expect.stringContaining("FERMI_ADMIN_TOKEN")]);
    expect(problemsOf({ ...env, FERMI_ROLES: "poolmgr" })).toEqual([]);
  });

  it("on a cluster demands a token everywhere", () => {
    const env = { FERMI_CLUSTER: "kubernetes", FERMI_INTERNAL_SECRET: secret };
    expect(problemsOf(env)).toEqual([expect.stringMatching(/^FERMI_CLUSTER is kubernetes, so FERMI_ADMIN_TOKEN/)]);
    expect(problemsOf({ ...env, FERMI_ADMIN_TOKEN: "a-token-of-many-letters" })).toEqual([]);
  });

  it("on one port twice is refused, for what this process opens", () => {
    expect(problemsOf({ FERMI_API_PORT: "31314" })).toEqual(["FERMI_API_PORT and FERMI_ROUTER_PORT must differ"]);
    expect(problemsOf({ FERMI_API_PORT: "31315" })).toEqual([]);
  });
});

describe("The ready file", () => {
  it("has a name", () => {
    expect(problemsOf({}, ["--ready-file", ""])).toEqual(["--ready-file must be the path of a file"]);
  });
});

describe("Instances that outlive the process", () => {
  it("demand the secret of which their keys are made, once", () => {
    const env = { FERMI_CLUSTER: "kubernetes", FERMI_ADMIN_TOKEN: "a-token-of-many-letters" };
    expect(problemsOf(env)).toEqual([expect.stringMatching(/^FERMI_CLUSTER is kubernetes, so FERMI_INTERNAL_SECRET/)]);
    const apart = problemsOf({ ...env, FERMI_ROLES: "poolmgr", DATABASE_URL: databaseUrl });
    expect(apart).toEqual([expect.stringMatching(/^FERMI_INTERNAL_SECRET must be set/)]);
  });
});

describe("What Kubernetes tells of its services", () => {
  it("is taken for no setting", () => {
    const env = {
      FERMI_API_PORT: "tcp://10.96.0.7:31313",
      FERMI_POOLMGR_PORT: "tcp://10.96.0.8:31315",
      FERMI_POOLMGR_PORT_31315_TCP_ADDR: "10.96.0.8",
      FERMI_POOLMGR_SERVICE_HOST: "10.96.0.8",
      FERMI_POOLMGR_SERVICE_PORT: "31315",
      FERMI_PORT: "tcp://10.96.0.9:80",
      FERMI_CONSOLE_PORT: "tcp://10.96.0.10:80",
    };
    expect(readConfig([], env)).toMatchObject({ apiPort: 31_313, poolmgrPort: 31_315 });
  });

  it.each(["FERMI_PORT", "FERMI_ROUTE_PORT"])("has a value of its own: %s=8080 is a misspelt setting", (name) => {
    expect(problemsOf({ [name]: "8080" })).toEqual([expect.stringMatching(`^${name} is no setting`)]);
  });
});

describe("The command line's variables", () => {
  it("may be set where a server starts, and change nothing of it", () => {
    const env = { FERMI_NAMESPACE: "team", FERMI_SERVER: "http://fermi.example.com", FERMI_TOKEN: "a-token" };
    expect(readConfig([], env)).toEqual(readConfig([], {}));
  });

  it("are not those that say where Fermi itself runs", () => {
    const env = { FERMI_CONTROL_NAMESPACE: "control" };
    expect(readConfig([], env).controlNamespace).toBe("control");
    expect(readConfig(["--control-namespace", "mine"], env).controlNamespace).toBe("mine");
    expect(readInitSecretsConfig([], { ...env, FERMI_NAMESPACE: "team" }).namespace).toBe("control");
  });
});

describe("Files", () => {
  it.each(["KUBECONFIG", "FERMI_NATS_CREDS_FILE"])(
    "that can't be read are told of before anything starts: %s",
    (name) => {
      expect(problemsOf({ [name]: "/nowhere/file" })).toEqual([`${name} must name a file that can be read`]);
      expect(problemsOf({ [name]: import.meta.dirname })).toHaveLength(1);
      expect(problemsOf({ [name]: import.meta.filename })).toEqual([]);
    },
  );

  it("may be several in KUBECONFIG, of which those that are not there are passed over", () => {
    const [here, folder] = [import.meta.filename, import.meta.dirname];
    const read = readConfig([], { KUBECONFIG: `/nowhere/file:${here}::${here}` });
    expect(read.kubeconfig).toEqual([here, here]);
    const refused = ["KUBECONFIG must name a file that can be read"];
    expect(problemsOf({ KUBECONFIG: "/nowhere/file:/nowhere/either" })).toEqual(refused);
    expect(problemsOf({ KUBECONFIG: `${here}:${folder}` })).toEqual(refused);
  });
});

describe("Trusted proxies", () => {
  it("are addresses and networks", () => {
    const text = "10.0.0.0/8, 192.168.1.7,0.0.0.0/0,fd00::/8,::1,::ffff:10.0.0.1/128,";
    expect(problemsOf({ FERMI_TRUSTED_PROXIES: text })).toEqual([]);
  });

  it.each([
    "10.0.0.0/99",
    "10.0.0.0/33",
    "1.2.3",
    "fd00::/129",
    "fd00::zz",
    "10.0.0.1/",
    "/8",
    "fe80::1%eth0",
    "proxy",
  ])("are refused where the router could not compare with them: %s", (text) => {
    const refusal = "FERMI_TRUSTED_PROXIES must be a comma-separated list such as 10.0.0.0/8,192.168.1.7";
    expect(problemsOf({ FERMI_TRUSTED_PROXIES: `127.0.0.1,${text}` })).toEqual([refusal]);
  });
});

describe("A refusal", () => {
  it("says everything at once: what can't be read, what is unknown, and what does not go together", () => {
    const env = { FERMI_HOST: "0.0.0.0", FERMI_MAX_BODY_MIB: "much", FERMI_HOTS: "localhost" };
    expect(problemsOf(env).map((problem) => problem.split(" ")[0])).toEqual([
      "FERMI_MAX_BODY_MIB",
      "FERMI_HOTS",
      "FERMI_HOST",
    ]);
  });

  it("finds no contradiction in what can't be read", () => {
    const env = { FERMI_API_PORT: "x", FERMI_ROUTER_PORT: "y", FERMI_HOST: "0.0.0.0", FERMI_ADMIN_TOKEN: "short" };
    expect(problemsOf(env)).toHaveLength(3);
    expect(problemsOf({ FERMI_ROLES: "everything", FERMI_HOST: "0.0.0.0" })).toHaveLength(1);
  });

  it("never repeats a secret", () => {
    const secrets = {
      DATABASE_URL: "mysql://me:hidden-password@db/x",
      FERMI_ADMIN_TOKEN: "hidden token",
      FERMI_INTERNAL_SECRET: "hidden-secret",
    };
    const problems = problemsOf(secrets);
    expect(problems).toHaveLength(3);
    expect(problems.join("\n")).not.toContain("hidden");
  });
});
