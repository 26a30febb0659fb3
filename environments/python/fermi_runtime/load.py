"""Turns a function's source text into something to call."""

import linecache
import sys
import traceback
import types

from .errors import FILE, describe, user_traceback
from .spawn import SourceForChildren


class LoadError(Exception):
    """Code that does not load: the message names the line, `detail` is the traceback."""

    def __init__(self, message, detail=""):
        super().__init__(message)
        self.detail = detail


def load(source, entrypoint):
    """The callable that `entrypoint` (or `main`) names; raises LoadError."""
    # A byte order mark is no part of the text; in a file Python would pass over it.
    source = source.lstrip("\ufeff")
    # So that tracebacks show the source's lines, though there is no file.
    linecache.cache[FILE] = (len(source), None, source.splitlines(True), FILE)
    module = types.ModuleType("function")
    module.__file__ = FILE
    sys.modules["function"] = module
    SourceForChildren.offer(source)
    try:
        exec(compile(source, FILE, "exec"), module.__dict__)
    except SystemExit:
        raise
    except BaseException as error:  # whatever user code raises
        raise LoadError(_summary(error), user_traceback(error)) from None
    return _pick(module, entrypoint)


def _pick(module, entrypoint):
    names = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == "function" and callable(value)]
    found = getattr(module, entrypoint or "main", None)
    if found is None and not entrypoint and len(names) == 1:
        found = getattr(module, names[0])
    if found is None:
        known = "; it defines " + ", ".join(names) if names else ""
        raise LoadError("the code defines no function %s%s" % (entrypoint or "main", known))
    if not callable(found):
        raise LoadError("%s is no function, but of type %s" % (entrypoint or "main", type(found).__name__))
    return found


def _summary(error):
    """One line, with user code's own line in it."""
    line = None
    if isinstance(error, SyntaxError) and error.filename == FILE:
        line = error.lineno
        text = "%s: %s" % (type(error).__name__, error.msg)
    else:
        text = describe(error)
        for frame in traceback.extract_tb(error.__traceback__):
            line = frame.lineno if frame.filename == FILE else line
    first = text.splitlines()[0]
    return first if line is None else "%s (%s:%d)" % (first, FILE, line)
