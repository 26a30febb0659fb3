/** The titles of tests in a source, and of rows in a page that is to list them; what differs from run to run is `…`. */

const anyTest = /\b(it\w*|describe)(?:\.each\((?:[^()]|\([^()]*\))*\))?\(\s*"([^"]*)"/g;

/** Of all tests in the source; where one block of several variants is around some, its own title is before theirs. */
export function testTitles(source: string): string[] {
  const titles: string[] = [];
  let variants: { title: string; until: number } | undefined;
  for (const { 0: call, 1: kind, 2: title = "", index } of source.matchAll(anyTest)) {
    if (kind === "describe") {
      const isNested = call.startsWith("describe.each");
      if (isNested) variants = { title: blank(title), until: source.indexOf("\n  });\n", index) };
      continue;
    }
    const before = variants !== undefined && index < variants.until ? `${variants.title} ` : "";
    titles.push(before + blank(title));
  }
  return titles;
}

/** The first cells of all tables between `<!-- faults -->` and `<!-- /faults -->`. */
export function faultRows(page: string): string[] {
  const [, block = ""] = /<!-- faults -->([\s\S]*)<!-- \/faults -->/.exec(page) ?? [];
  const cells = block.split("\n").flatMap((line) => /^\| ([^|]*?) +\|/.exec(line)?.[1] ?? []);
  return cells.filter((cell) => cell !== "fault" && !/^-+$/.test(cell));
}

const blank = (title: string): string => title.replace(/\(?%[sp]\)?/g, "…");
