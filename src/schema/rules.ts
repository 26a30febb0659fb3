/**
 * Property decorators that check what clients send. Each message completes the sentence "<field> must …", says what
 * would be right and never repeats what was sent. Null and undefined pass: whether a field may be absent is GraphQL's affair.
 */
import { ValidateBy } from "class-validator";
import {
  isCorsOrigin,
  isHeaderText,
  isHostName,
  isImageReference,
  isRoutePath,
  methodNames,
  sourceBytesMax,
} from "./formats.js";

type Test = (value: unknown, object: object) => boolean;

/** One check of one property; absent values pass. */
export function rule(name: string, message: string, test: Test): PropertyDecorator {
  return ValidateBy({
    name,
    validator: {
      validate: (value: unknown, args) => value === null || value === undefined || test(value, args?.object ?? {}),
      defaultMessage: () => message,
    },
  });
}

const text =
  (test: (value: string) => boolean): Test =>
  (value) =>
    typeof value === "string" && test(value);

const texts =
  (test: (value: string) => boolean): Test =>
  (value) =>
    Array.isArray(value) && value.every((item) => typeof item === "string" && test(item));

const matches = (pattern: RegExp): Test => text((value) => pattern.test(value));
const isUnique = (values: readonly unknown[]): boolean => new Set(values).size === values.length;

export const IsBetween = (min: number, max: number): PropertyDecorator =>
  rule(
    "isBetween",
    `must be a whole number from ${min} to ${max}`,
    (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
  );

export const IsLabel = (): PropertyDecorator =>
  rule(
    "isLabel",
    "must be 1 to 63 of a-z, 0-9 and '-', beginning and ending with a letter or a digit",
    matches(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/),
  );

export const IsId = (): PropertyDecorator =>
  rule("isId", "must be a UUID", matches(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i));

export const IsImage = (): PropertyDecorator =>
  rule(
    "isImage",
    "must be an image reference such as fermi/nodejs or registry.example.com:5000/team/node:20",
    text(isImageReference),
  );

export const IsQuantity = (unit: "processor" | "memory"): PropertyDecorator =>
  unit === "processor"
    ? rule("isQuantity", "must be a quantity such as 250m, 0.5 or 2", matches(/^(?=.*[1-9])\d{1,6}(\.\d{1,3}|m)?$/))
    : rule(
        "isQuantity",
        "must be a quantity such as 128Mi or 1Gi",
        matches(/^(?=.*[1-9])\d{1,12}(\.\d{1,3})?(Ki|Mi|Gi|Ti|k|M|G|T)?$/),
      );

export const IsSource = (): PropertyDecorator =>
  rule(
    "isSource",
    "must be the text of one file, at most 256 KiB, without NUL characters",
    text((value) => value !== "" && !value.includes("\0") && Buffer.byteLength(value) <= sourceBytesMax),
  );

export const IsEntrypoint = (): PropertyDecorator =>
  rule(
    "isEntrypoint",
    "must be the name of an export: letters, digits, '_' and '$', not beginning with a digit, at most 128",
    matches(/^[\p{L}_$][\p{L}\p{N}_$]{0,127}$/u),
  );

export const IsVariableName = (): PropertyDecorator =>
  rule(
    "isVariableName",
    "must be 1 to 128 letters, digits and '_', not beginning with a digit, and neither PORT nor begin with FERMI_",
    matches(/^(?!FERMI_|PORT$)[A-Za-z_][A-Za-z0-9_]{0,127}$/),
  );

/** Text that Postgres can hold and a person meant. */
export const IsText = (min: number, max: number): PropertyDecorator =>
  rule(
    "isText",
    `must be ${min} to ${max} characters, without NUL characters`,
    text((value) => value.length >= min && value.length <= max && !value.includes("\0")),
  );

export const HasUniqueNames = (max: number): PropertyDecorator =>
  rule(
    "hasUniqueNames",
    `must be at most ${max}, each with a name of its own`,
    (value) => Array.isArray(value) && value.length <= max && isUnique(value.map(({ name }: { name: string }) => name)),
  );

export const HasAtMost = (max: number): PropertyDecorator =>
  rule("hasAtMost", `must be at most ${max}`, (value) => Array.isArray(value) && value.length <= max);

export const IsMethod = (): PropertyDecorator =>
  rule(
    "isMethod",
    `must be one of ${methodNames.join(", ")}`,
    text((value) => methodNames.includes(value)),
  );

export const AreMethods = (min: 0 | 1): PropertyDecorator =>
  rule(
    "areMethods",
    `must be ${min === 1 ? "one or more" : "any"} of ${methodNames.join(", ")}, each once`,
    (value) =>
      texts((name) => methodNames.includes(name))(value, {}) &&
      hasLengthFrom(min, value) &&
      isUnique(value as string[]),
  );

const hasLengthFrom = (min: number, value: unknown): boolean => Array.isArray(value) && value.length >= min;

export const IsRoutePath = (): PropertyDecorator =>
  rule(
    "isRoutePath",
    "must begin with '/' and have non-empty segments of URL characters, of which one may be a whole '{name}' each and " +
      "the last '*', such as /users/{id} or /files/*; at most 1024 characters, not below /-/, no name twice",
    text(isRoutePath),
  );

export const IsHostName = (): PropertyDecorator =>
  rule("isHostName", "must be a host name in lower case without a port, such as api.example.com", text(isHostName));

export const AreOrigins = (): PropertyDecorator =>
  rule(
    "areOrigins",
    "must be '*' alone, or 1 to 100 origins such as https://app.example.com",
    (value) =>
      texts(isCorsOrigin)(value, {}) &&
      hasLengthFrom(1, value) &&
      (value as string[]).length <= ((value as string[]).includes("*") ? 1 : 100),
  );

export const AreHeaderNames = (): PropertyDecorator =>
  rule(
    "areHeaderNames",
    "must be at most 100 header names such as Content-Type",
    (value) =>
      texts((name) => /^[!#$%&'*+.^_`|~\w-]{1,128}$/.test(name))(value, {}) && (value as string[]).length <= 100,
  );

export const IsHeaderName = (): PropertyDecorator =>
  rule("isHeaderName", "must be a header name such as Content-Type", matches(/^[!#$%&'*+.^_`|~\w-]{1,128}$/));

export const IsHeaderValue = (): PropertyDecorator =>
  rule("isHeaderValue", "must be at most 8192 characters of Latin-1 without line breaks", text(isHeaderText));

export const IsRequestPath = (): PropertyDecorator =>
  rule(
    "isRequestPath",
    "must begin with '/' and be at most 8192 URL characters, percent-encoded where need be",
    matches(/^\/[\x21\x22\x24-\x7e]{0,8191}$/),
  );
