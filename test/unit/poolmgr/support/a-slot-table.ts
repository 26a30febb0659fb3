/** The router's own slot table beside a stage's pool manager. */
import { silentLogger } from "../../../../src/lib/logger.js";
import type { Connections } from "../../../../src/router/connections.js";
import { SlotTable } from "../../../../src/router/slot-table.js";
import type { Stage } from "./stage.js";

/** Nothing is really sent. A class with private fields has no other stand-in. */
export const noConnections = { dialAhead: () => {}, close: () => {}, destroy: () => {} } as unknown as Connections;

export const aSlotTable = ({ manager, clock }: Stage): SlotTable =>
  new SlotTable({
    ...{ link: manager.hub, clock, logger: silentLogger },
    connect: () => noConnections,
    maxWaitingPerFunction: 1_000,
  });
