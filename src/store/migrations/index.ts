import type { MigrationInterface } from "typeorm";
import { Resources1700000000001 } from "./1700000000001-resources.js";

/** In the order in which they run; the number at a class name's end is what TypeORM sorts by. */
export const migrations: (new () => MigrationInterface)[] = [Resources1700000000001];
