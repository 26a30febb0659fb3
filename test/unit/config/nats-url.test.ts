import { describe, expect, it } from "@jest/globals";
import { natsUrl } from "../../../src/config/parse-setting.js";

describe("natsUrl", () => {
  it.each(["nats://localhost:4222", "tls://user:pass@a.example:4222", "nats://a:4222, nats://b:4222"])(
    "takes %s",
    (text) => {
      expect(natsUrl(text)).toBe(text);
    },
  );

  it.each(["", "localhost:4222", "http://a:4222", "nats://a:4222,"])("refuses %s without repeating it", (text) => {
    expect(() => natsUrl(text)).toThrow("must be of the form nats://user:password@host:4222, or tls://host:4222");
  });
});
