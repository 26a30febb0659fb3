export const instanceStates = ["STARTING", "WARM", "SPECIALIZING", "READY", "DRAINING"] as const;
export type InstanceState = (typeof instanceStates)[number];

/** Every move that is allowed; an instance may vanish (GONE) from any state. */
export const instanceMoves = {
  STARTING: ["WARM", "GONE"],
  WARM: ["SPECIALIZING", "GONE"],
  SPECIALIZING: ["READY", "GONE"],
  READY: ["DRAINING", "GONE"],
  DRAINING: ["GONE"],
} as const satisfies Record<InstanceState, readonly (InstanceState | "GONE")[]>;
