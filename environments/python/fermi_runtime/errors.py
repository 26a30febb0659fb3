"""How errors of user code are told to its author."""

import traceback

# The name of user code in tracebacks. There is no such file.
FILE = "function.py"

MAX_REASON_CHARS = 2_000
MAX_TRACEBACK_CHARS = 64_000


def describe(error):
    """Its type and message, cut where they are long. Never raises."""
    name, text = _name_of(error), text_of(error).strip()
    return ("%s: %s" % (name, text) if text else name)[:MAX_REASON_CHARS]


def text_of(value):
    """str(value), which may be user code, and fail."""
    try:
        # What it gives may be of a kind of its own, with user code for methods.
        return str.__str__(str(value))
    except BaseException:  # whatever user code raises
        return "(its text can't be had: __str__ fails)"


def user_traceback(error):
    """The traceback without the frames of this runtime above the user's own; cut where it is long. Never raises."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != FILE:
        trace = trace.tb_next
    try:
        text = "".join(traceback.format_exception(type(error), error, trace))
    except BaseException:  # whatever user code raises: __notes__ may be a property
        text = "".join(traceback.format_tb(trace)) + describe(error)
    return _cut(text.rstrip())


def _name_of(error):
    try:
        return str.__str__(type(error).__name__)
    except BaseException:  # whatever a metaclass raises
        return "(an error without a name)"


def _cut(text):
    """Without its middle where it is long: a traceback begins with where, and ends with what."""
    left_out = len(text) - MAX_TRACEBACK_CHARS
    if left_out <= 0:
        return text
    half = MAX_TRACEBACK_CHARS // 2
    return "%s\n(%d characters are left out)\n%s" % (text[:half], left_out, text[-half:])
