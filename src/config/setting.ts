/** One setting. `parse` returns the value or throws a SettingError that says what would be right. */
export interface Setting<T> {
  readonly env: string;
  readonly flag: string;
  /** Shown in help and README; null where the setting is off unless given. */
  readonly defaultText: string | null;
  readonly description: string;
  /** Never shown in a message. */
  readonly isSecret?: boolean;
  /** The flag takes no value and sets this text. */
  readonly flagSets?: string;
  parse(text: string): T;
}

/** What a setting's text is read as; null where it may be left out. */
export type ValueOf<S> = S extends { parse(text: string): infer T; defaultText: infer D }
  ? D extends null
    ? T | null
    : T
  : never;
