"""Turns a function's source text into something to call."""

import linecache
import sys
import traceback
import types

FILE = "function.py"


class LoadError(Exception):
    """Code that does not load: the message names the line, `detail` is the traceback."""

    def __init__(self, message, detail=""):
        super().__init__(message)
        self.detail = detail


def load(source, entrypoint):
    """The callable that `entrypoint` (or `main`) names; raises LoadError."""
    # So that tracebacks show the source's lines, though there is no file.
    linecache.cache[FILE] = (len(source), None, source.splitlines(True), FILE)
    module = types.ModuleType("function")
    module.__file__ = FILE
    sys.modules["function"] = module
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
    line = None
    if isinstance(error, SyntaxError) and error.filename == FILE:
        line = error.lineno
        text = "%s: %s" % (type(error).__name__, error.msg)
    else:
        text = "".join(traceback.format_exception_only(type(error), error)).strip()
        for frame in traceback.extract_tb(error.__traceback__):
            line = frame.lineno if frame.filename == FILE else line
    return text if line is None else "%s (%s:%d)" % (text, FILE, line)


def user_traceback(error):
    """The traceback without the frames of this runtime above the user's own."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != FILE:
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace)).rstrip()
