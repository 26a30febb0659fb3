"""Writes answers to the connection: user code's, and the runtime's own."""

import contextlib
import json
import socket
import time
from urllib.parse import quote

from . import logs
from .answer import Answer
from .errors import describe, user_traceback
from .http import format_head
from .stream import Stream


def failure(error):
    """500 with the reason, which is logged too. Never raises: text of user code may have no UTF-8, or not come at all."""
    logs.log_error(user_traceback(error))
    reason = describe(error)
    headers = [
        ("content-type", "application/json"),
        ("x-fermi-function-error", quote(" ".join(reason.split())[:300], errors="replace")),
    ]
    return Answer(500, headers, json.dumps({"error": reason}).encode("ascii"))


# For whoever reads the answer only when he has sent his body.
_LINGER_SECONDS = 2

# By their framing 204 and 304 have no body. A 205 has one, and must say that it is empty (RFC 9110, 15.3.6).
_UNFRAMED = (204, 304)
_BODILESS = (204, 205, 304)


def begun(answer):
    """The answer, with the first piece of its stream pulled where it is one; raises what user code does until then."""
    if not isinstance(answer.body, bytes):
        answer.body = Stream(answer.body)
    return answer


def proceed(request, connection):
    if request.expects_continue and request.body_is_pending:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def respond(request, connection, answer, slot):
    if isinstance(answer.body, Stream):
        return _stream(request, connection, answer, slot)
    headers = list(answer.headers)
    content = b"" if answer.status in _BODILESS else answer.body
    if answer.status not in _UNFRAMED:
        headers.append(("content-length", str(len(content))))
    if not request.keep_alive:
        headers.append(("connection", "close"))
    body = content if request.method != "HEAD" else b""
    slot.release()
    connection.sendall(format_head(answer.status, headers) + body)
    return request.keep_alive


def _stream(request, connection, answer, slot):
    """A body that comes in pieces; where user code fails in the middle, the connection breaks off."""
    has_body = request.method != "HEAD" and answer.status not in _BODILESS
    framing = [("transfer-encoding", "chunked")] if has_body else []
    if answer.status == 205:
        framing = [("content-length", "0")]
    try:
        connection.sendall(format_head(answer.status, [*answer.headers, *framing]))
        if has_body and not _send_pieces(answer.body.pieces(), connection):
            return False
    finally:
        answer.body.close()
    slot.release()
    if has_body:
        connection.sendall(b"0\r\n\r\n")
    return request.keep_alive


def _send_pieces(pieces, connection):
    """Whether user code gave all of them; what it raises is logged. Raises OSError where the connection fails."""
    while True:
        try:
            data = next(pieces, None)
        except SystemExit:
            raise
        except BaseException as error:  # whatever user code raises, OSError too
            logs.log_error(user_traceback(error))
            return False
        if data is None:
            return True
        if data:
            connection.sendall(b"%x\r\n%b\r\n" % (len(data), data))


def refuse(request, connection, status, body, headers=None):
    """Answers without user code. A body that was not read ends the connection: it is not worth reading."""
    close = request.body_is_pending or not request.keep_alive
    return send(connection, status, body if isinstance(body, dict) else {"error": body}, headers, close)


def send(connection, status, body, headers=None, close=False):
    data = json.dumps(body).encode("ascii")
    pairs = [("content-type", "application/json"), ("content-length", str(len(data))), *(headers or {}).items()]
    if close:
        pairs.append(("connection", "close"))
    connection.sendall(format_head(status, pairs) + data)
    if close:
        _linger(connection)
    return not close


def end(connection):
    """Ends it for the other side also where a process that user code has forked holds it too."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _linger(connection):
    """Drops what comes until the other side ends: a connection closed with unread bytes in it takes its answer along."""
    connection.shutdown(socket.SHUT_WR)
    connection.settimeout(_LINGER_SECONDS)
    until = time.monotonic() + _LINGER_SECONDS
    while time.monotonic() < until and connection.recv(64 * 1024):
        pass
