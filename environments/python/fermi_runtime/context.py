"""What user code gets: `main(context)`."""

import json
import re
import socket
from urllib.parse import parse_qs

from .http import HttpError

SECRETS = ("x-fermi-key", "x-fermi-log-tag", "x-fermi-token")


class FunctionRequest:
    """The request: method, url, path, headers (lower case), query, body (parsed as its type says), data (bytes)."""

    def __init__(self, request, data):
        self.method = request.method
        self.url = request.target
        self.path = request.path
        self.headers = {name: value for name, value in request.headers.items() if name not in SECRETS}
        self.query = _flat(parse_qs(request.query_string, keep_blank_values=True))
        self.data = data
        self.body = parse_body(data, request.headers.get("content-type", ""))


class Context:
    def __init__(self, request, invocation, function, version, connection):
        self.request = request
        self.invocation_id = invocation.id
        self.function = function
        self.version = version
        self._connection = connection

    def is_cancelled(self):
        """Whether the caller has gone, so that nobody waits for the answer any more."""
        try:
            return self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True


def parse_body(data, content_type):
    """JSON, forms and text parsed, anything else as bytes; an empty dict where there is no body."""
    kind = content_type.split(";", 1)[0].strip().lower()
    if not data:
        return {}
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return json.loads(data)
        except ValueError as error:
            raise HttpError(400, "the request's body is not the JSON that its Content-Type promises: %s" % error) from None
        except RecursionError:
            raise HttpError(400, "the request's body is JSON that is nested too deeply to be read") from None
    if kind == "application/x-www-form-urlencoded":
        return _flat(parse_qs(data.decode("utf-8", "replace"), keep_blank_values=True))
    if kind.startswith("text/"):
        return _decode(data, content_type)
    return data


def _decode(data, content_type):
    found = re.search(r';\s*charset="?([^\s";]+)', content_type, re.I)
    charset = found.group(1) if found else "utf-8"
    try:
        return data.decode(charset, "replace")
    except LookupError:
        raise HttpError(415, "the request's charset %r is not known" % charset) from None


def _flat(values):
    return {name: value[0] if len(value) == 1 else value for name, value in values.items()}
