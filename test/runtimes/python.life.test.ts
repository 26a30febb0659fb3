import { expect, it } from "@jest/globals";
import { describePython, python, RuntimeProcess, type Answer } from "./runtime-process.js";
import { untilTestEnds } from "./until-test-ends.js";

const keep = untilTestEnds();

async function start(): Promise<RuntimeProcess> {
  return keep(await RuntimeProcess.start(python));
}

async function serve(source: string): Promise<RuntimeProcess> {
  const runtime = await start();
  expect((await runtime.specialize(source)).status).toBe(200);
  return runtime;
}

describePython("Errors of Python code", () => {
  it("are told in one line where the code does not load", async () => {
    for (const [source, error] of [
      ["x = 1\neval('1 +')", "SyntaxError: invalid syntax (<string>, line 1) (function.py:2)"],
      ["raise ValueError('\\na\\nb')", "ValueError: a (function.py:1)"],
      ["raise KeyboardInterrupt", "KeyboardInterrupt (function.py:1)"],
    ]) {
      const answer = await (await start()).specialize(source!);
      expect({ status: answer.status, ...(JSON.parse(answer.body) as object) }).toMatchObject({ status: 422, error });
    }
  });

  it("are answered 500 though their text can't be sent, or can't be had", async () => {
    const runtime = await serve(`
class Mute(Exception):
    def __str__(self):
        raise ValueError("no text")
def main(context):
    raise {"/half": ValueError("half \\ud800 a pair"), "/mute": Mute()}[context.request.path]`);
    const tell = async (path: string): Promise<unknown> => {
      const { status, headers, body } = await runtime.call({ path });
      const { error } = JSON.parse(body) as { error: string };
      return { status, error, reason: decodeURIComponent(String(headers["x-fermi-function-error"])) };
    };
    expect(await tell("/half")).toEqual({
      status: 500,
      error: "ValueError: half \ud800 a pair",
      reason: "ValueError: half ? a pair",
    });
    const mute = "Mute: (its text can't be had: __str__ fails)";
    expect(await tell("/mute")).toEqual({ status: 500, error: mute, reason: mute });
  });

  it("are answered 500 whatever their length, and whatever they do to who asks them", async () => {
    const runtime = await serve(`
class Spoilt(Exception):
    @property
    def __notes__(self):
        raise RuntimeError("no notes")
class Text(str):
    def strip(self):
        raise RuntimeError("no text")
class Sly(Exception):
    def __str__(self):
        return Text("sly")
def main(context):
    raise {"/long": ValueError("x" * 17_000_000), "/spoilt": Spoilt("spoilt"), "/sly": Sly()}[context.request.path]`);
    for (const [path, reason] of [
      ["/long", "ValueError: xxx"],
      ["/spoilt", "Spoilt: spoilt"],
      ["/sly", "Sly: sly"],
    ]) {
      const answer = await runtime.call({ path: path! });
      expect(answer).toMatchObject({ status: 500, body: expect.stringContaining(reason!) as unknown });
      expect(answer.body.length).toBeLessThan(3_000);
      await runtime.until("its end in the log", () =>
        runtime.messagesOf(answer.invocationId).some((message) => message.includes(reason!)) ? true : undefined,
      );
      const logged = runtime.messagesOf(answer.invocationId).join("\n");
      expect(logged).toContain("function.py");
      expect(logged.length).toBeLessThan(200_000);
    }
  });

  it("are logged where they are why the process is to end", async () => {
    const runtime = await serve("import sys\ndef main():\n  sys.exit('no configuration')");
    await expect(runtime.call()).rejects.toThrow();
    expect(await runtime.exited).toBe(1);
    expect(runtime.logs).toMatchObject([{ s: "stderr", m: "no configuration", i: expect.any(String) as unknown }]);
  });
});

describePython("The life of a Python instance", () => {
  it("takes what a program does with its streams and its threads", async () => {
    const runtime = await serve(`
import sys, threading
sys.stdout.reconfigure(line_buffering=True)
class App:
    def handle(self):
        results = []
        thread = threading.Thread(target=results.append, args=("from a thread",))
        thread.start()
        thread.join()
        return results
main = App().handle`);
    expect((await runtime.call()).body).toBe('["from a thread"]');
  });

  it("sees whether a caller is there also with many descriptors open", async () => {
    const runtime = await serve(`
import os, resource
limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
while os.dup(0) < 1_100:
    pass
def main(context):
    return {"cancelled": context.is_cancelled()}`);
    expect(await runtime.call()).toMatchObject({ status: 200, body: '{"cancelled": false}' });
  });

  it("lets a process that it forks print, whoever was printing then", async () => {
    const runtime = await serve(`
import multiprocessing, threading
forked = threading.Event()
def print_on():
    while not forked.is_set():
        print("x" * 1_000)
def main():
    threading.Thread(target=print_on).start()
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=print, args=("from a child",)) for _ in range(5)]
    for child in children:
        child.start()
    forked.set()
    for child in children:
        child.join(5)
        child.kill()
    return [child.exitcode for child in children]`);
    expect((await runtime.call()).body).toBe("[0, 0, 0, 0, 0]");
    const printed = (): string[] => runtime.lines.filter((line) => line.includes("from a child"));
    await runtime.until("their lines", () => (printed().length === 5 ? true : undefined));
  });

  it.each(["fork", "spawn", "forkserver"])(
    "calls functions in processes of its own (%s), and outlives them",
    async (method) => {
      const runtime = await serve(`
import multiprocessing
def double(x):
    print("in a child", flush=True)
    return 2 * x
def main():
    with multiprocessing.get_context("${method}").Pool(2) as pool:
        return pool.map(double, [1, 2, 3])`);
      for (let count = 0; count < 2; count += 1) expect((await runtime.call()).body).toBe("[2, 4, 6]");
      expect(runtime.lines.join("\n")).toContain("in a child");
      expect(runtime.stderr).toBe("");
      runtime.process.kill("SIGTERM");
      expect(await runtime.exited).toBe(0);
    },
  );

  it("breaks an answer off also where a process that it has forked holds its connection", async () => {
    const runtime = await serve(`
import os
def main():
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    yield "a"
    raise ValueError("in the middle")`);
    await expect(runtime.call()).rejects.toThrow();
  });

  it("goes on once there are descriptors and threads again where it had none left", async () => {
    const runtime = await serve(`
import os, resource, threading
limits = resource.getrlimit(resource.RLIMIT_NOFILE)
def recover():
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    threading.stack_size(0)
    print("recovered")
def main(context):
    path = context.request.path
    if path != "/":
        threading.Timer(0.3, recover).start()
    if path == "/descriptors":
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    if path == "/threads":
        threading.stack_size(1 << 47)
    return "fine"`);
    const call = (path: string): Promise<Answer> => runtime.call({ path });
    await call("/descriptors");
    expect((await call("/")).body).toBe("fine");
    await call("/threads");
    await expect(call("/")).rejects.toThrow();
    await runtime.until("its recovery", () => runtime.logs.filter(({ m }) => m === "recovered")[1]);
    expect((await call("/")).body).toBe("fine");
    expect(runtime.stderr).toBe("");
  });
});
