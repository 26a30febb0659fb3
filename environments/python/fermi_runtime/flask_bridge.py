"""`from flask import request`: works in user code where Flask is installed, and costs nothing where it is not used."""

import contextlib
import io
import sys

from .answer import Answer, checked, checked_status
from .context import SECRETS


class FlaskBridge:
    """Calls user code as Flask calls a view: aborted requests are answered, and what is to run after one does."""

    def __init__(self, view):
        self._app = sys.modules["flask"].Flask("function")
        # The one view there is, whatever the path and the method.
        self._app.dispatch_request = view
        _refuse_nan(getattr(self._app, "json", None))

    @staticmethod
    def is_wanted():
        """Whether the loaded code has imported Flask."""
        return "flask" in sys.modules

    def call(self, request, data):
        with self._app.request_context(_environ(request, data)), contextlib.ExitStack() as stack:
            response = self._app.full_dispatch_request()
            stack.callback(response.close)
            response.direct_passthrough = False
            status, headers = checked_status(response.status_code), list(checked(response.headers.items()))
            if not response.is_streamed:
                return Answer(status, headers, response.get_data())
            return Answer(status, headers, _closing(response.iter_encoded(), stack.pop_all().close))


def _closing(pieces, close):
    """The pieces. Who closes them calls `close` too."""
    from werkzeug.wsgi import ClosingIterator

    return ClosingIterator(pieces, close)


def _refuse_nan(provider):
    """Flask's way to JSON writes NaN, which no other reader takes. Flask before 2.2 has no provider to tell."""
    if provider is not None:
        dumps = provider.dumps
        provider.dumps = lambda value, **options: dumps(value, **{"allow_nan": False, **options})


def _environ(request, data):
    forwarded = request.headers.get("x-forwarded-host") or request.headers.get("host") or "localhost"
    host, _, port = forwarded.partition(":")
    scheme = "https" if request.headers.get("x-forwarded-proto") == "https" else "http"
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": _unquoted(request.path),
        "QUERY_STRING": request.query_string,
        "REQUEST_URI": request.target,
        "SERVER_NAME": host,
        "SERVER_PORT": port or ("443" if scheme == "https" else "80"),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": request.headers.get("x-forwarded-for", "").split(",")[0].strip(),
        "CONTENT_LENGTH": str(len(data)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": io.BytesIO(data),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        if name == "content-type":
            environ["CONTENT_TYPE"] = value
        elif name not in SECRETS and name not in ("content-length", "transfer-encoding") and not _is_forged(name):
            environ["HTTP_" + name.upper().replace("-", "_")] = value
    environ["HTTP_HOST"] = forwarded
    return environ


def _is_forged(name):
    """Whether it would be shown as a header with dashes, which the caller has not sent. X-Fermi-* is the router's alone."""
    return "_" in name and not name.startswith("x-fermi-")


def _unquoted(path):
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(path).decode("latin-1")
