import querystring from "node:querystring";

/** The query string as an object; a name given twice has a list. */
export function parseQuery(url) {
  const start = url.indexOf("?");
  return start === -1 ? {} : { ...querystring.parse(url.slice(start + 1)) };
}
