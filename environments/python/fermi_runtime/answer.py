"""What user code returns, as status, headers and body; raises TypeError or ValueError where it can't be an answer."""

import json

from .http import check_header

# Framing is this server's affair, and X-Fermi-* are the platform's own words.
_OWN_HEADERS = frozenset(
    ["connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"]
)


class Answer:
    """`body` is bytes, or an iterator of str and bytes."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body


def to_answer(value):
    """str, bytes, dict, list, an iterator, or (body, status), (body, headers), (body, status, headers)."""
    status, headers = None, ()
    if isinstance(value, tuple):
        value, status, headers = _unpack(value)
    if status is None:
        status = 204 if value is None else 200
    checked_status(status)
    body, content_type = _content(value)
    pairs = list(checked(() if headers is None else headers))
    if content_type and not any(name.lower() == "content-type" for name, _ in pairs):
        pairs.append(("content-type", content_type))
    return Answer(status, pairs, body)


def checked_status(status):
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        raise TypeError("a status must be a whole number from 200 to 599, not %s" % _show(status))
    return status


def checked(headers):
    """The headers as pairs of text, without those that are not user code's to set."""
    pairs = headers.items() if hasattr(headers, "items") else headers
    for name, value in pairs:
        values = value if isinstance(value, (list, tuple)) else [value]
        for one in values:
            if not isinstance(one, (str, int, float)):
                raise TypeError("the header %s must be text or a number, not %s" % (name, type(one).__name__))
            name, text = str(name), str(one)
            check_header(name, text)
            if name.lower() not in _OWN_HEADERS and not name.lower().startswith("x-fermi-"):
                yield name, text


def _unpack(value):
    if len(value) == 3:
        return value
    if len(value) == 2:
        is_headers = isinstance(value[1], (dict, list)) or hasattr(value[1], "items")
        return (value[0], None, value[1]) if is_headers else (value[0], value[1], ())
    raise TypeError("a tuple must be (body, status), (body, headers) or (body, status, headers)")


def _content(value):
    if value is None:
        return b"", None
    if isinstance(value, str):
        return value.encode("utf-8"), "text/plain; charset=utf-8"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value), "application/octet-stream"
    if isinstance(value, (dict, list)):
        return _to_json(value).encode("utf-8"), "application/json; charset=utf-8"
    if hasattr(value, "__next__"):
        return value, "application/octet-stream"
    raise TypeError("a body must be str, bytes, dict, list or an iterator, not %s" % type(value).__name__)


def _to_json(value):
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError as error:
        raise ValueError("the body can't be JSON, which knows no NaN, no Infinity and no cycle: %s" % error) from None


def _show(status):
    return str(status) if isinstance(status, (int, float)) else "of type %s" % type(status).__name__
