"""What user code prints, as JSON lines on stdout: {"t","s","i","g","m"}.

A line belongs to the invocation in whose context it was written (threads it started included); a partial line waits for
its end, or that of the invocation. One that is begun after that is written at the end of the thread, or at a flush.
"""

import contextvars
import io
import json
import os
import sys
import threading
import time

MAX_LINE_BYTES = 60_000
MAX_MESSAGE_CHARS = 16_000

current = contextvars.ContextVar("invocation", default=None)
_lock = threading.RLock()


class _Instance:
    """Stands for the instance itself: for what is printed outside of any invocation."""

    id = None
    log_tag = None
    is_over = False

    def __init__(self):
        self.partial = {"stdout": "", "stderr": ""}


_instance = _Instance()
_unfinished = set()


def capture_output():
    """Makes print, sys.stdout, sys.stderr and threads write log lines."""
    sys.stdout = _LogStream("stdout")
    sys.stderr = _LogStream("stderr")
    _carry_context_into_threads()
    os.register_at_fork(after_in_child=_unlock)


def _unlock():
    """In a process that was forked: a thread that was printing then is not there to release the lock."""
    global _lock
    _lock = threading.RLock()


def log_error(text):
    _print("stderr", text if text.endswith("\n") else text + "\n")


def finish(invocation):
    """It is over: what it has printed without a line feed is written."""
    invocation.is_over = True
    flush(invocation)


def flush(owner):
    """Writes what it has printed without a line feed."""
    with _lock:
        _unfinished.discard(owner)
        for stream, rest in owner.partial.items():
            if rest:
                owner.partial[stream] = ""
                _write(_format(owner, stream, rest))


def _flush_late():
    """Writes an unfinished line that was begun after its invocation's end."""
    owner = current.get()
    if owner is not None and owner.is_over:
        flush(owner)


def flush_all():
    with _lock:
        for owner in list(_unfinished):
            flush(owner)


class _Bytes(io.RawIOBase):
    """sys.stdout.buffer: bytes are text in UTF-8."""

    def __init__(self, name):
        self._name = name

    def writable(self):
        return True

    def write(self, data):
        data = bytes(data)
        _print(self._name, data.decode("utf-8", "replace"))
        return len(data)


class _LogStream(io.TextIOBase):
    def __init__(self, name):
        self.name = "<%s>" % name
        self.buffer = _Bytes(name)
        self._stream = name

    encoding = "utf-8"
    errors = "replace"

    def writable(self):
        return True

    def fileno(self):
        return 1 if self._stream == "stdout" else 2

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError("write() argument must be str, not %s" % type(text).__name__)
        _print(self._stream, text)
        return len(text)

    def flush(self):
        """Of no effect on an unfinished line of an invocation that runs: its end may come yet."""
        _flush_late()

    def reconfigure(self, **_options):
        """Does nothing: how lines are encoded and when they are written is not user code's to choose."""

    def close(self):
        """Stays open: what prints afterwards still wants to."""


def _print(stream, text):
    owner = current.get() or _instance
    with _lock:
        lines = (owner.partial[stream] + text).split("\n")
        rest = lines.pop()
        pieces = [line[:-1] if line.endswith("\r") else line for line in lines]
        if len(rest) > MAX_MESSAGE_CHARS:
            # Something is kept of it, so that its line feed ends a line that is not empty.
            length = (len(rest) - 1) // MAX_MESSAGE_CHARS * MAX_MESSAGE_CHARS
            pieces.append(rest[:length])
            rest = rest[length:]
        if pieces:
            _write(b"".join(_format(owner, stream, piece) for piece in pieces))
        owner.partial[stream] = rest
        if rest:
            _unfinished.add(owner)
        elif not any(owner.partial.values()):
            # A thread may print after the answer, when nobody flushes any more.
            _unfinished.discard(owner)


def _format(owner, stream, message):
    """As one line, or as several where it is too long for one."""
    if len(message) <= MAX_MESSAGE_CHARS:
        line = {"t": int(time.time() * 1000), "s": stream, "m": message}
        if owner.id is not None:
            line["i"] = owner.id
            line["g"] = owner.log_tag
        data = json.dumps(line).encode("ascii") + b"\n"
        if len(data) <= MAX_LINE_BYTES:
            return data
    size = min(MAX_MESSAGE_CHARS, (len(message) + 1) // 2)
    slices = (message[start : start + size] for start in range(0, len(message), size))
    return b"".join(_format(owner, stream, part) for part in slices)


def _write(data):
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(1, view) :]
        except BlockingIOError:
            time.sleep(0.002)
        except BrokenPipeError:
            return


def _carry_context_into_threads():
    """A thread started in an invocation prints for it; the threads of an executor serve many, and so print for none."""
    start = threading.Thread.start

    def start_in_context(thread):
        # What is built in may have None there, or no such name.
        if not str(getattr(thread._target, "__module__", None)).startswith("concurrent.futures"):
            context = contextvars.copy_context()
            run = thread.run
            thread.run = lambda: context.run(_guarded, thread, run)
        start(thread)

    threading.Thread.start = start_in_context


def _guarded(thread, run):
    """An error is reported while the context is still the thread's."""
    try:
        run()
    except BaseException:  # whatever user code raises
        threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), thread)))
    _flush_late()
    # It refers to the thread: such a circle would keep the invocation until garbage is collected, which may take long.
    vars(thread).pop("run", None)
