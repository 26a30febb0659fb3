"""Listens, says so, and ends when it is asked to."""

import argparse
import json
import os
import select
import signal
import socket
import threading
import time

from . import logs
from .function_server import FunctionServer

MAX_CONNECTIONS = 1_000
# Before the next connection is taken, where one could not be served.
PAUSE_SECONDS = 0.05


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--ready-fd", type=int)
    parser.add_argument("--exit-with-stdin", action="store_true")
    parser.add_argument("--body-limit", type=int, default=64 * 1024 * 1024)
    options = parser.parse_args(arguments)
    logs.capture_output()
    listener = socket.create_server((options.host, int(os.environ.get("PORT", "8888"))), backlog=512)
    server = FunctionServer(options.body_limit)
    wake = _wake_at_sigterm()
    if options.ready_fd is not None:
        os.write(options.ready_fd, json.dumps({"port": listener.getsockname()[1]}).encode("ascii") + b"\n")
        os.close(options.ready_fd)
    _accept_all(listener, server, wake, 0 if options.exit_with_stdin else None)
    listener.close()
    server.is_ending = True
    server.wait_until_idle()
    logs.flush_all()
    os._exit(0)


def _wake_at_sigterm():
    """A descriptor that becomes readable at SIGTERM."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable)
    signal.signal(signal.SIGTERM, lambda *_: None)
    _spare_forked_processes()
    return readable


def _spare_forked_processes():
    """What user code forks ends at SIGTERM, and wakes nobody: not even where it comes before the child is its own."""

    def reset():
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        release()

    def hold():
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))

    def release():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))

    os.register_at_fork(before=hold, after_in_parent=release, after_in_child=reset)


def _accept_all(listener, server, wake, stdin):
    """Serves each connection in a thread of its own until SIGTERM; the end of stdin ends the process at once."""
    room = threading.BoundedSemaphore(MAX_CONNECTIONS)
    poll = select.poll()
    for source in (listener, wake, stdin):
        if source is not None:
            poll.register(source, select.POLLIN | select.POLLHUP)
    while True:
        ready = {descriptor for descriptor, _ in poll.poll()}
        if stdin is not None and stdin in ready and not os.read(stdin, 4_096):
            logs.flush_all()
            os._exit(0)
        if wake in ready:
            return
        if listener.fileno() in ready:
            _accept(listener, server, room)


def _accept(listener, server, room):
    """Serves the next connection; where the process lacks a descriptor or a thread for it, those that run go on."""
    room.acquire()
    connection = None
    try:
        connection = listener.accept()[0]
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_serve, args=(connection, server, room), daemon=True).start()
    except (OSError, RuntimeError):
        room.release()
        if connection is not None:
            connection.close()
        time.sleep(PAUSE_SECONDS)


def _serve(connection, server, room):
    try:
        server.serve(connection)
    finally:
        room.release()
