/** The function's token comes with a request now and then, and stands in for the one before from then on. */
export function takeToken(headers) {
  const token = headers["x-fermi-token"];
  if (token === undefined) return;
  delete headers["x-fermi-token"];
  process.env.FERMI_TOKEN = token;
}
