/**
 * Checks of arguments that go straight to a query. What a mutation takes is checked by the service that it calls.
 * Each message completes the sentence "<field> must …", says what would be right and never repeats what was sent.
 * Null and undefined pass: whether a field may be absent is GraphQL's affair.
 */
import { ValidateBy } from "class-validator";
import { isPlainText, wholeNumber, type Demand, type Range } from "../model/fault.js";
import { label, resourceId } from "../model/validate-name.js";
import { headerName, headerValue, httpMethod, mediaType, requestPath } from "../model/validate-request.js";

function rule(name: string, { must, holds }: Demand<unknown>): PropertyDecorator {
  return ValidateBy({
    name,
    validator: {
      validate: (value: unknown) => value === null || value === undefined || holds(value),
      defaultMessage: () => must,
    },
  });
}

const text = (name: string, { must, holds }: Demand<string>): PropertyDecorator =>
  rule(name, { must, holds: (value) => typeof value === "string" && holds(value) });

export const IsBetween = (...range: Range): PropertyDecorator => {
  const { must, holds } = wholeNumber(range);
  return rule("isBetween", { must, holds: (value) => typeof value === "number" && holds(value) });
};

export const IsLabel = (): PropertyDecorator => text("isLabel", label);

export const IsId = (): PropertyDecorator => text("isId", resourceId);

export const IsMethod = (): PropertyDecorator => text("isMethod", httpMethod);

export const IsHeaderName = (): PropertyDecorator => text("isHeaderName", headerName);

export const IsHeaderValue = (): PropertyDecorator => text("isHeaderValue", headerValue);

export const IsMediaType = (): PropertyDecorator => text("isMediaType", mediaType);

export const IsRequestPath = (): PropertyDecorator => text("isRequestPath", requestPath);

/** Text that a database can hold as it is. */
export const IsText = (min: number, max: number): PropertyDecorator =>
  text("isText", {
    must: `must be ${min} to ${max} characters of text, without NUL characters`,
    holds: (value) => value.length >= min && value.length <= max && isPlainText(value),
  });

export const HasAtMost = (max: number): PropertyDecorator =>
  rule("hasAtMost", { must: `must be at most ${max}`, holds: (value) => Array.isArray(value) && value.length <= max });
