import { v7 } from "uuid";

/** A UUID of version 7: ids made later sort later, so they serve as keyset cursors too. */
export const newId = (): string => v7();
