/** How the text of a setting becomes its value. Each throws a SettingError that says what would be right, never what was given. */
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { isIP } from "node:net";
import path from "node:path";

export class SettingError extends Error {}

export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new SettingError(`must be a whole number from ${min} to ${max}`);
    }
    return value;
  };
}

export function oneOf<const T extends string>(...allowed: readonly T[]): (text: string) => T {
  return (text) => {
    const found = allowed.find((value) => value === text);
    if (found === undefined) throw new SettingError(`must be one of ${allowed.join(", ")}`);
    return found;
  };
}

export function filePath(text: string): string {
  if (text === "") throw new SettingError("must be the path of a file");
  return path.resolve(text);
}

export function httpUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !["http:", "https:"].includes(url.protocol) || url.pathname !== "/" || url.search !== "") {
    throw new SettingError("must be an address such as https://functions.example.com, without a path");
  }
  return url.origin;
}

export const httpUrls = (text: string): readonly string[] => text.split(",").map((part) => httpUrl(part.trim()));

export function postgresUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !["postgres:", "postgresql:"].includes(url.protocol)) {
    throw new SettingError("must be of the form postgres://user:password@host:5432/database");
  }
  return text;
}

export function natsUrl(text: string): string {
  const urls = text.split(",").map((part) => URL.parse(part.trim()));
  const areFit = urls.every((url) => url !== null && ["nats:", "tls:"].includes(url.protocol) && url.hostname !== "");
  if (!areFit) throw new SettingError("must be of the form nats://user:password@host:4222, or tls://host:4222");
  return text;
}

export function cidrList(text: string): readonly string[] {
  const parts = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  if (!parts.every(isNetwork)) throw new SettingError("must be a comma-separated list such as 10.0.0.0/8,192.168.1.7");
  return parts;
}

function isNetwork(text: string): boolean {
  const [, address = "", prefix = "0"] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  return Number(prefix) <= (addressBits[isIP(address)] ?? -1);
}

/** By what isIP says of an address; 0 is none. */
const addressBits: Readonly<Record<number, number>> = { 4: 32, 6: 128 };

/** What a process can be, each once, in the order in which a process starts them. */
export const roleNames = ["triggers", "poolmgr", "router", "api"] as const;
export type RoleName = (typeof roleNames)[number];

export function roleList(text: string): readonly RoleName[] {
  const given = new Set(text.split(",").map((part) => oneOf(...roleNames)(part.trim())));
  return roleNames.filter((name) => given.has(name));
}

export function secret(minLength: number): (text: string) => string {
  return (text) => {
    if (text.length < minLength || !/^[\x21-\x7e]*$/.test(text)) {
      throw new SettingError(`must be at least ${minLength} printable characters without spaces`);
    }
    return text;
  };
}

export const plain = (text: string): string => text;
export const port = wholeNumber(0, 65_535);

export function kubernetesName(text: string): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text)) {
    throw new SettingError("must be a name of Kubernetes: lower-case letters, digits and dashes, at most 63");
  }
  return text;
}

/** The path of one file, which is there and may be read: found out at the start, not when it is first needed. */
export function readableFile(text: string): string {
  const file = path.resolve(text);
  try {
    accessSync(file, constants.R_OK);
    if (!statSync(file).isDirectory()) return file;
  } catch {
    // What keeps it from being read is told below.
  }
  throw new SettingError("must name a file that can be read");
}

/** One file, or several as in a PATH; of several those that are not there are passed over. */
export function readableFiles(text: string): readonly string[] {
  const named = text.split(path.delimiter).filter((name) => name !== "");
  const present = named.filter(existsSync);
  return (present.length > 0 ? present : [text]).map(readableFile);
}
