/**
 * Checks of arguments that go straight to a query. What a mutation takes is checked by the service that it calls.
 * Each message completes the sentence "<field> must …", says what would be right and never repeats what was sent.
 * Null and undefined pass: whether a field may be absent is GraphQL's affair.
 */
import { ValidateBy } from "class-validator";
import { isPlainText } from "../model/fault.js";
import { isId, isLabel } from "../model/validate-name.js";
import { httpMethods } from "../model/validate-trigger.js";

function rule(name: string, message: string, test: (value: unknown) => boolean): PropertyDecorator {
  return ValidateBy({
    name,
    validator: {
      validate: (value: unknown) => value === null || value === undefined || test(value),
      defaultMessage: () => message,
    },
  });
}

const text =
  (test: (value: string) => boolean) =>
  (value: unknown): boolean =>
    typeof value === "string" && test(value);

export const IsBetween = (min: number, max: number): PropertyDecorator =>
  rule(
    "isBetween",
    `must be a whole number from ${min} to ${max}`,
    (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
  );

export const IsLabel = (): PropertyDecorator =>
  rule(
    "isLabel",
    "must be 1 to 63 of the characters a-z, 0-9 and '-', beginning and ending with a letter or a digit",
    text(isLabel),
  );

export const IsId = (): PropertyDecorator => rule("isId", "must be a UUID", text(isId));

/** Text that a database can hold as it is. */
export const IsText = (min: number, max: number): PropertyDecorator =>
  rule(
    "isText",
    `must be ${min} to ${max} characters of text, without NUL characters`,
    text((value) => value.length >= min && value.length <= max && isPlainText(value)),
  );

export const HasAtMost = (max: number): PropertyDecorator =>
  rule("hasAtMost", `must be at most ${max}`, (value) => Array.isArray(value) && value.length <= max);

export const IsMethod = (): PropertyDecorator =>
  rule(
    "isMethod",
    `must be one of ${httpMethods.join(", ")}`,
    text((value) => httpMethods.includes(value)),
  );

export const IsHeaderName = (): PropertyDecorator =>
  rule(
    "isHeaderName",
    "must be a header name such as Content-Type",
    text((value) => /^[!#$%&'*+.^_`|~\w-]{1,128}$/.test(value)),
  );

export const IsHeaderValue = (): PropertyDecorator =>
  rule(
    "isHeaderValue",
    "must be at most 8192 characters of Latin-1 without line breaks",
    text((value) => /^[\t\x20-\x7e\x80-\xff]{0,8192}$/.test(value)),
  );

export const IsRequestPath = (): PropertyDecorator =>
  rule(
    "isRequestPath",
    "must begin with '/' and be at most 8192 URL characters, percent-encoded where need be",
    text((value) => /^\/[\x21\x22\x24-\x7e]{0,8191}$/.test(value)),
  );
