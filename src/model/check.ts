/** What an operator would want to be told about one part. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly message: string;
}
