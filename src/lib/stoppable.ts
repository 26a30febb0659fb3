/** What starts can be stopped. `stop` may be called more than once and then does nothing more. */
export interface Stoppable {
  stop(): Promise<void> | void;
}
