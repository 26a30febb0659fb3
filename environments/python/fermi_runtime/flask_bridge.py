"""`from flask import request`: works in user code where Flask is installed, and costs nothing where it is not used."""

import io
import sys

from .answer import Answer, checked, checked_status
from .context import SECRETS


class FlaskBridge:
    """Calls user code as Flask would call a view."""

    def __init__(self):
        self._app = sys.modules["flask"].Flask("function")
        _refuse_nan(getattr(self._app, "json", None))

    @staticmethod
    def is_wanted():
        """Whether the loaded code has imported Flask."""
        return "flask" in sys.modules

    def call(self, function, request, data):
        with self._app.request_context(_environ(request, data)):
            response = self._app.make_response(function())
            response.direct_passthrough = False
            headers = list(checked(response.headers.items()))
            body = response.iter_encoded() if response.is_streamed else response.get_data()
            return Answer(checked_status(response.status_code), headers, body)


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
        elif name not in SECRETS and name not in ("content-length", "transfer-encoding"):
            environ["HTTP_" + name.upper().replace("-", "_")] = value
    environ["HTTP_HOST"] = forwarded
    return environ


def _unquoted(path):
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(path).decode("latin-1")
