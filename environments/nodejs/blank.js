// A module to load while nobody waits.
export {};
