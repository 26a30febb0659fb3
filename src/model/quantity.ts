/** Kubernetes quantities: numbers with a unit, as text. */
const factors: Readonly<Record<string, number>> = {
  "": 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** The number that a quantity such as `512Mi` or `250m` stands for; undefined where the text is none. */
export function parseQuantity(text: string): number | undefined {
  const [, digits, suffix] = /^(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)([A-Za-z]*)$/.exec(text) ?? [];
  const factor = suffix === undefined ? undefined : factors[suffix];
  return factor === undefined ? undefined : Number(digits) * factor;
}
