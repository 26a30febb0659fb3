/** Why an image did not take the code, in its own words. Pure. */
import type { ImageAnswer } from "./image-client.js";

const maxCharacters = 1_000;
/** What an error that was made into JSON may say itself with. */
const tellingFields = ["error", "message", "stack"];

/** One line. */
export function explainAnswer(path: string, answer: ImageAnswer): string {
  const words = wordsOf(answer).replace(/\s+/g, " ").trim();
  const refusal = `The image answered ${answer.status} to POST ${path}`;
  if (words === "") return `${refusal} and gave no reason; what it printed may tell more.`;
  return `${refusal}: ${words.length > maxCharacters ? `${words.slice(0, maxCharacters)}…` : words}`;
}

function wordsOf({ contentType, text }: ImageAnswer): string {
  const start = text.trimStart();
  if (start.startsWith("{") || start.startsWith('"')) return ofJson(text);
  if (contentType.startsWith("text/html") && start.startsWith("<")) return ofHtml(text);
  return text;
}

function ofJson(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "string") return value;
    const fields = value as Record<string, unknown>;
    const told = tellingFields.map((name) => fields[name]).find((word) => typeof word === "string");
    return told ?? (Object.keys(fields).length === 0 ? "" : text);
  } catch {
    return text;
  }
}

const entities: Readonly<Record<string, string>> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&#34;": '"',
  "&#39;": "'",
  "&nbsp;": " ",
  "&amp;": "&",
};

const ofHtml = (html: string): string =>
  html
    .replace(/<(style|script|title)\b[\s\S]*?<\/\1>/gi, " ")
    .replace(/<[^>]*>/g, " ")
    .replace(/&(lt|gt|quot|nbsp|amp|#34|#39);/g, (entity) => entities[entity] ?? entity);
