"""As much of HTTP/1.1 as stands between a router and one instance: requests in, responses out, over one connection."""

import io
import re
from http import HTTPStatus

MAX_LINE = 64 * 1024
MAX_HEADER_BYTES = 256 * 1024

REASONS = {status.value: status.phrase for status in HTTPStatus}

# No line feed, and nothing else that can't be printed (RFC 9110, 5.5).
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class HttpError(Exception):
    """A request that user code must not see."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Disconnected(Exception):
    """The other side has gone."""


class Request:
    """A request's head; its body is read when somebody asks for it."""

    def __init__(self, method, target, headers, pairs, reader):
        self.method = method
        self.target = target
        self.path, _, self.query_string = target.partition("?")
        self.headers = headers
        self.pairs = pairs
        self._reader = reader
        self._body = None
        self.expects_continue = headers.get("expect", "").lower() == "100-continue"
        self.is_chunked = "transfer-encoding" in headers
        self.length = _content_length(headers)
        self.keep_alive = headers.get("connection", "").lower() != "close"

    @property
    def body_is_pending(self):
        return self._body is None and (self.is_chunked or self.length > 0)

    def body(self, limit):
        """The whole body; HttpError 413 beyond the limit."""
        if self._body is None:
            if self.length > limit:
                raise HttpError(413, "the request's body is over the limit of %d bytes" % limit)
            self._body = self._read_chunked(limit) if self.is_chunked else self._exactly(self.length)
        return self._body

    def _exactly(self, count):
        data = self._reader.read(count) if count else b""
        if len(data) < count:
            raise Disconnected("the request's body broke off")
        return data

    def _read_chunked(self, limit):
        body = io.BytesIO()
        while True:
            size = _chunk_size(_line(self._reader))
            if size == 0:
                break
            if body.tell() + size > limit:
                raise HttpError(413, "the request's body is over the limit of %d bytes" % limit)
            body.write(self._exactly(size))
            if self._exactly(2) != b"\r\n":
                raise HttpError(400, "malformed chunk")
        while _line(self._reader):
            pass
        return body.getvalue()


def read_request(reader):
    """The next request on the connection, or None where the other side has closed it."""
    start = reader.readline(MAX_LINE)
    while start in (b"\r\n", b"\n"):
        start = reader.readline(MAX_LINE)
    if not start:
        return None
    if not start.endswith(b"\n"):
        raise HttpError(431, "the request line is too long")
    parts = start.decode("latin-1").strip().split(" ")
    if len(parts) != 3 or parts[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise HttpError(400, "malformed request line")
    headers, pairs = _read_headers(reader)
    if parts[2] == "HTTP/1.0":
        headers.setdefault("connection", "close")
    return Request(parts[0], parts[1], headers, pairs, reader)


def _read_headers(reader):
    headers = {}
    pairs = []
    size = 0
    while True:
        line = _line(reader)
        if not line:
            return headers, pairs
        size += len(line)
        if size > MAX_HEADER_BYTES:
            raise HttpError(431, "the request's headers are too long")
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or not name or not _TOKEN.issuperset(name):
            raise HttpError(400, "malformed header")
        name = name.lower()
        value = value.strip(" \t")
        pairs.append((name, value))
        if name in headers:
            if name == "content-length":
                raise HttpError(400, "more than one content-length")
            headers[name] += ("; " if name == "cookie" else ", ") + value
        else:
            headers[name] = value


def _line(reader):
    line = reader.readline(MAX_LINE)
    if not line.endswith(b"\n"):
        if len(line) >= MAX_LINE:
            raise HttpError(431, "a line of the request is too long")
        raise Disconnected("the request broke off")
    return line.rstrip(b"\r\n")


def _content_length(headers):
    if "transfer-encoding" in headers:
        if headers["transfer-encoding"].lower() != "chunked" or "content-length" in headers:
            raise HttpError(400, "a body must be either chunked or of a given length")
        return 0
    text = headers.get("content-length", "0")
    if not (text.isascii() and text.isdigit()):
        raise HttpError(400, "malformed content-length")
    return int(text)


def _chunk_size(line):
    text = line.partition(b";")[0].strip()
    try:
        if not text or not all(digit in b"0123456789abcdefABCDEF" for digit in text):
            raise ValueError
        return int(text, 16)
    except ValueError:
        raise HttpError(400, "malformed chunk size") from None


def format_head(status, headers):
    # A status that is nobody's has no phrase, but the space before it (RFC 9112, 4).
    lines = ["HTTP/1.1 %d %s" % (status, REASONS.get(status, ""))]
    lines.extend("%s: %s" % header for header in headers)
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def check_header(name, value):
    """Raises ValueError where no reader would take the header, or one would take it for something else."""
    if not name or not _TOKEN.issuperset(name):
        raise ValueError("the header name %r is not allowed in HTTP" % name)
    if not _VALUE.fullmatch(value):
        raise ValueError("the value of the header %s has a character in it that HTTP has no place for" % name)
