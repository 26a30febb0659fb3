/** Headers, one by one and as they are sent. */
export class HeaderLines {
  #text: string | undefined;

  /** Name, value, name, value; with nothing in them that could end a line. */
  constructor(readonly list: readonly string[]) {}

  /** For headers that many requests carry. In one piece: what is put together by `+` is taken apart at each writing. */
  static kept(list: readonly string[]): HeaderLines {
    const lines = new HeaderLines(list);
    lines.#text = Buffer.from(lines.text, "latin1").toString("latin1");
    return lines;
  }

  get text(): string {
    return (this.#text ??= joined(this.list));
  }
}

function joined(list: readonly string[]): string {
  let text = "";
  for (let i = 0; i + 1 < list.length; i += 2) text += `${list[i]}: ${list[i + 1]}\r\n`;
  return text;
}

export const listOf = (headers: readonly HeaderLines[]): string[] => headers.flatMap(({ list }) => list);
