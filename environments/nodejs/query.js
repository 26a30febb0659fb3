import querystring from "node:querystring";

const allOfThem = { maxKeys: 0 };

/** Form fields as an object, all of them; a name given twice has a list. */
export const parseFields = (text) => ({ ...querystring.parse(text, "&", "=", allOfThem) });

/** The query string as such an object. */
export function parseQuery(url) {
  const start = url.indexOf("?");
  return start === -1 ? {} : parseFields(url.slice(start + 1));
}
