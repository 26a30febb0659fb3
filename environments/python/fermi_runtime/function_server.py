"""Admits requests to user code, and answers the platform's own (without a key) itself."""

import contextlib
import contextvars
import hmac
import json
import os
import threading
import types

from . import logs
from .answer import to_answer
from .context import Context, FunctionRequest
from .errors import text_of
from .flask_bridge import FlaskBridge
from .http import Disconnected, HttpError, read_request
from .load import LoadError, load
from .respond import begun, end, failure, proceed, refuse, respond, send

SPECIALIZE_LIMIT = 8 * 1024 * 1024


class Invocation:
    """Whom a log line belongs to."""

    def __init__(self, request):
        self.id = request.headers.get("x-fermi-invocation-id")
        self.log_tag = request.headers.get("x-fermi-log-tag")
        self.partial = {"stdout": "", "stderr": ""}
        self.is_over = False


class Specialization:
    """The body of POST /specialize, checked."""

    def __init__(self, data):
        try:
            request = json.loads(data)
            self.function = {name: request["function"].get(name) for name in ("id", "name", "namespace")}
            self.version = request["version"]
            self.key = request["key"].encode("utf-8")
            self.source = request["code"]["source"]
            self.entrypoint = request.get("entrypoint")
            self.requests_per_instance = int(request.get("requestsPerInstance") or 1)
            variables = (request.get("variables") or []) + (request.get("platformVariables") or [])
            self.variables = {variable["name"]: variable["value"] for variable in variables}
            self.body_limit = _body_limit(self.variables.get("FERMI_MAX_BODY_MIB"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise HttpError(400, "the specialization is not what it should be: %r" % error) from None
        if not self.key or not isinstance(self.source, str):
            raise HttpError(400, "the specialization lacks its key or its source")


def _body_limit(mib):
    """In bytes, where the router's own limit is told."""
    return int(mib) * 1024 * 1024 if isinstance(mib, str) and mib.isdecimal() else None


class FunctionServer:
    def __init__(self, body_limit):
        self._body_limit = body_limit
        self._lock = threading.Condition()
        self._state = "generic"
        self._specialization = None
        self._call = None
        self._running = 0
        # A slot is free before its answer's last byte: what is not sent yet is counted apart.
        self._unanswered = 0
        self.is_ending = False

    def serve(self, connection):
        """Answers the requests of one connection, one after the other, until it is closed."""
        reader = connection.makefile("rb", 64 * 1024)
        with connection, reader, contextlib.suppress(Disconnected, OSError):
            try:
                while not self.is_ending:
                    request = read_request(reader)
                    if request is None or not self._handle(request, connection):
                        return
            except HttpError as error:
                send(connection, error.status, {"error": str(error)}, close=True)
            finally:
                end(connection)

    def wait_until_idle(self):
        with self._lock:
            self._lock.wait_for(lambda: self._unanswered == 0)

    def _handle(self, request, connection):
        """Whether the connection may be used again."""
        key = request.headers.get("x-fermi-key")
        if key is None:
            return self._control(request, connection)
        refusal = self._refuse(key)
        if refusal is not None:
            return refuse(request, connection, *refusal)
        # What one sets of context variables is not for the next one of the connection to see.
        return contextvars.copy_context().run(self._invoke, request, connection)

    def _refuse(self, key):
        """Why a request may not go to user code; None where it may, and then it holds a slot."""
        specialization = self._specialization
        if specialization is None:
            # A function that this process, begun anew, knows nothing of: the request may be sent elsewhere.
            return 503, "busy", {"x-fermi-busy": "1"}
        if not hmac.compare_digest(specialization.key, key.encode("latin-1")):
            return 401, "this instance takes requests of its router only"
        with self._lock:
            if self.is_ending or self._running >= specialization.requests_per_instance:
                return 503, "busy", {"x-fermi-busy": "1"}
            self._running += 1
            self._unanswered += 1
        return None

    def _control(self, request, connection):
        if request.method == "POST" and request.path == "/specialize":
            return self._specialize(request, connection)
        if request.path == "/-/healthz":
            return refuse(request, connection, 200, {"status": "ok"})
        if request.path == "/-/state":
            return refuse(request, connection, 200, self._describe())
        if self._specialization is None:
            return refuse(request, connection, 500, "not specialized")
        return refuse(request, connection, 401, "this instance takes requests of its router only")

    def _describe(self):
        specialization = self._specialization
        if specialization is None:
            return {"state": "generic"}
        return {"state": "specialized", "functionId": specialization.function["id"], "version": specialization.version}

    def _specialize(self, request, connection):
        with self._lock:
            if self._state != "generic":
                return refuse(request, connection, 409, "already " + self._state)
            self._state = "being specialized"
        try:
            proceed(request, connection)
            specialization = Specialization(request.body(SPECIALIZE_LIMIT))
        except HttpError:
            self._state = "generic"
            raise
        try:
            os.environ.update(specialization.variables)
            self._body_limit = specialization.body_limit or self._body_limit
            self._call = _caller(load(specialization.source, specialization.entrypoint))
        except LoadError as error:
            # Code that failed to load may have left anything behind, so the instance takes no other.
            self._state = "spoilt by code that does not load"
            logs.log_error(error.detail or str(error))
            return send(connection, 422, {"error": str(error), "stack": error.detail})
        except SystemExit as error:
            exit_process(error)
        self._specialization = specialization
        self._state = "specialized"
        return send(connection, 200, self._describe())

    def _invoke(self, request, connection):
        token = request.headers.get("x-fermi-token")
        if token is not None:
            os.environ["FERMI_TOKEN"] = token
        invocation = Invocation(request)
        slot = Slot(self, invocation)
        logs.current.set(invocation)
        try:
            answer = self._run(request, invocation, connection)
            return respond(request, connection, answer, slot)
        except SystemExit as error:
            exit_process(error)
        finally:
            slot.release()
            self._answered()

    def _run(self, request, invocation, connection):
        proceed(request, connection)
        data = request.body(self._body_limit)
        try:
            return begun(self._call(request, data, invocation, self._specialization, connection))
        except (HttpError, Disconnected):
            raise
        except SystemExit:
            raise
        except BaseException as error:  # whatever user code raises
            return failure(error)

    def release(self):
        with self._lock:
            self._running -= 1

    def _answered(self):
        with self._lock:
            self._unanswered -= 1
            self._lock.notify_all()


class Slot:
    """Given back before the answer's last byte, so that its reader may send the next request at once."""

    def __init__(self, server, invocation):
        self._server = server
        self._invocation = invocation

    def release(self):
        server, self._server = self._server, None
        if server is not None:
            logs.finish(self._invocation)
            server.release()


def _caller(function):
    """Calls user code in the form in which it is written."""
    if _takes_argument(function):

        def call(request, data, invocation, specialization, connection):
            seen = FunctionRequest(request, data)
            context = Context(seen, invocation, specialization.function, specialization.version, connection)
            return to_answer(_settled(function(context)))

        return call
    if FlaskBridge.is_wanted():
        bridge = FlaskBridge(lambda *_: _settled(function()))
        return lambda request, data, *_: bridge.call(request, data)
    return lambda *_: to_answer(_settled(function()))


def _takes_argument(function):
    if isinstance(function, types.FunctionType) and not hasattr(function, "__wrapped__"):
        code = function.__code__
        return code.co_argcount > 0 or bool(code.co_flags & 0x04)
    import inspect

    try:
        return len(inspect.signature(function).parameters) > 0
    except (TypeError, ValueError):
        return False


def _settled(value):
    if not hasattr(value, "__await__"):
        return value
    import asyncio

    async def wait():
        return await value

    return asyncio.run(wait())


def exit_process(error):
    """User code has asked for the end of the process. As in Python anywhere, it may say why instead of giving a code."""
    code = 0 if error.code is None else error.code
    if not isinstance(code, int):
        logs.log_error(text_of(code))
        code = 1
    logs.flush_all()
    os._exit(code)
