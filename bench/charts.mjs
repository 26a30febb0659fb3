/** Small charts as SVG: bars in groups, and lines over time. */

const colours = ["#9aa0a6", "#34a853", "#1a73e8", "#f9ab00", "#d93025", "#a142f4"];
const width = 960;
const height = 360;
const area = { left: 60, right: 20, top: 70, bottom: 50 };
const innerWidth = width - area.left - area.right;
const innerHeight = height - area.top - area.bottom;

const escape = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;");
const text = (x, y, words, more = "") =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escape(words)}</text>`;

/** Whole steps of 1, 2 or 5 to a power of ten, about four of them. */
function ticks(max) {
  const raw = max / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= raw) * power;
  return Array.from({ length: Math.floor(max / step) + 1 }, (_, at) => at * step);
}

const frame = (
  title,
  names,
  body,
) => `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<rect width="${width}" height="${height}" fill="#fff"/>
${text(area.left, 22, title, 'font-size="15" font-weight="bold"')}
${names.map((name, at) => `<rect x="${area.left + at * 149}" y="36" width="12" height="12" fill="${colours[at]}"/>${text(area.left + 17 + at * 150, 46, name)}`).join("\n")}
${body}
</svg>
`;

function axis(max) {
  const y = (value) => area.top + innerHeight * (1 - value / max);
  const lines = ticks(max).map(
    (tick) =>
      `<line x1="${area.left}" x2="${width - area.right}" y1="${y(tick).toFixed(1)}" y2="${y(tick).toFixed(1)}" stroke="#ddd"/>` +
      text(area.left - 6, y(tick) + 4, Number(tick.toPrecision(3)), 'text-anchor="end"'),
  );
  return { y, lines: lines.join("\n") };
}

/** `names` are of the bars in each of `groups`, `{label, values}`; a value that is null has no bar. */
export function barChart({ title, names, groups }) {
  const max = 1.08 * Math.max(...groups.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const { y, lines } = axis(max);
  const groupWidth = innerWidth / groups.length;
  const barWidth = (0.8 * groupWidth) / names.length;
  const bar = (group, at, value) =>
    value === null
      ? ""
      : `<rect x="${(area.left + (group + 0.1) * groupWidth + at * barWidth).toFixed(1)}" y="${y(value).toFixed(1)}" width="${(0.92 * barWidth).toFixed(1)}" height="${(area.top + innerHeight - y(value)).toFixed(1)}" fill="${colours[at]}"/>`;
  const drawn = groups.map(
    ({ label, values }, group) =>
      values.map((value, at) => bar(group, at, value)).join("") +
      text(area.left + (group + 0.5) * groupWidth, height - area.bottom + 18, label, 'text-anchor="middle"'),
  );
  return frame(title, names, `${lines}\n${drawn.join("\n")}`);
}

/** `lines` are `{name, points: [[x, y], …]}`. */
export function lineChart({ title, xLabel, lines: all }) {
  const points = all.flatMap((line) => line.points);
  const maxX = Math.max(...points.map(([x]) => x));
  const { y, lines } = axis(1.08 * Math.max(...points.map(([, value]) => value)));
  const x = (value) => area.left + (innerWidth * value) / maxX;
  const drawn = all.map(
    (line, at) =>
      `<polyline fill="none" stroke="${colours[at]}" stroke-width="2" points="${line.points.map((point) => `${x(point[0]).toFixed(1)},${y(point[1]).toFixed(1)}`).join(" ")}"/>`,
  );
  const labels = ticks(maxX).map((tick) =>
    text(x(tick), height - area.bottom + 18, Number(tick.toPrecision(3)), 'text-anchor="middle"'),
  );
  const names = all.map(({ name }) => name);
  return frame(title, names, [lines, ...drawn, ...labels, text(width / 2, height - 10, xLabel)].join("\n"));
}
