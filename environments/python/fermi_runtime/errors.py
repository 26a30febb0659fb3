"""How errors of user code are told to its author."""

import traceback

# The name of user code in tracebacks. There is no such file.
FILE = "function.py"


def describe(error):
    """Its type and message."""
    name, text = type(error).__name__, text_of(error).strip()
    return "%s: %s" % (name, text) if text else name


def text_of(value):
    """str(value), which may be user code, and fail."""
    try:
        return str(value)
    except BaseException:  # whatever user code raises
        return "(its text can't be had: __str__ fails)"


def user_traceback(error):
    """The traceback without the frames of this runtime above the user's own."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != FILE:
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace)).rstrip()
