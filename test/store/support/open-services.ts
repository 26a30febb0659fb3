import type { DataSource } from "typeorm";
import { systemClock, type Clock } from "../../../src/lib/clock.js";
import type { NewEnvironment, NewFunction, NewHttpTrigger } from "../../../src/model/inputs.js";
import type { RequestContext } from "../../../src/model/request-context.js";
import { EnvironmentService, type ImageCheck } from "../../../src/services/environment.service.js";
import { FunctionService } from "../../../src/services/function.service.js";
import { TriggerService, type TriggerSupport } from "../../../src/services/trigger.service.js";
import { buildDataSource } from "../../../src/store/data-source.js";
import { EnvironmentRepository } from "../../../src/store/repositories/environment.repository.js";
import { FunctionVersionRepository } from "../../../src/store/repositories/function-version.repository.js";
import { FunctionRepository } from "../../../src/store/repositories/function.repository.js";
import { TriggerRecordsRepository } from "../../../src/store/repositories/trigger-records.repository.js";
import { TriggerRepository } from "../../../src/store/repositories/trigger.repository.js";
import { ResourceStore } from "../../../src/store/resource-store.js";
import { testDatabase } from "../../support/test-database.js";

export const ctx: RequestContext = {
  principal: { subject: "tester", roles: ["admin"], namespaces: ["*"] },
  requestId: "test",
  signal: new AbortController().signal,
};

/** An installation that can do everything. */
export const anySupport: TriggerSupport = { watchProblem: () => undefined, brokerProblem: () => undefined };

export interface Services {
  readonly url: string;
  readonly dataSource: DataSource;
  readonly store: ResourceStore;
  readonly environments: EnvironmentService;
  readonly functions: FunctionService;
  readonly triggers: TriggerService;
  /** Empties all tables. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

interface ServiceOptions {
  readonly images?: ImageCheck;
  readonly clock?: Clock;
  /** A server to use instead of the run's; its schema is there already. */
  readonly url?: string;
}

/** The services over a database of their own. */
export async function openServices(options: ServiceOptions = {}): Promise<Services> {
  const { images = { refuseImage: () => undefined }, clock = systemClock } = options;
  const database = options.url === undefined ? await testDatabase() : undefined;
  const url = options.url ?? database?.url ?? "";
  const dataSource = await buildDataSource({ url }).initialize();
  const store = new ResourceStore(dataSource, clock);
  const functions = new FunctionRepository(dataSource);
  return {
    url,
    dataSource,
    store,
    environments: new EnvironmentService({ store, environments: new EnvironmentRepository(dataSource), images, clock }),
    functions: new FunctionService({ store, functions, versions: new FunctionVersionRepository(dataSource), clock }),
    triggers: new TriggerService({
      store,
      triggers: new TriggerRepository(dataSource),
      records: new TriggerRecordsRepository(dataSource),
      support: anySupport,
      clock,
    }),
    clear: () =>
      dataSource.query(
        "TRUNCATE environment, function, function_version, http_trigger, http_route, time_trigger, watch_trigger, queue_trigger, trigger_status, change CASCADE",
      ),
    close: async () => {
      await dataSource.destroy();
      await database?.drop();
    },
  };
}

export const newEnvironment = (changes: Partial<NewEnvironment> = {}): NewEnvironment => ({
  namespace: "default",
  name: "node",
  image: "fermi/nodejs",
  contract: "FERMI",
  poolSize: 3,
  gracePeriodSeconds: 30,
  ...changes,
});

export const newFunction = (changes: Partial<NewFunction> = {}): NewFunction => ({
  namespace: "default",
  name: "hello",
  environment: "node",
  source: "module.exports = () => {};",
  ...changes,
});

export const newTrigger = (changes: Partial<NewHttpTrigger> = {}): NewHttpTrigger => ({
  namespace: "default",
  function: "hello",
  methods: ["GET"],
  path: "/hello",
  ...changes,
});
