"""Bodies that user code gives in pieces."""

from . import logs
from .errors import user_traceback


class Stream:
    """An iterator's pieces as bytes. The first is pulled at once: what fails until then is user code's error as any other."""

    def __init__(self, source):
        self._source = source
        try:
            self._first = self._pull()
        except BaseException:
            self.close()
            raise

    def pieces(self):
        piece = self._first
        while piece is not None:
            yield piece
            piece = self._pull()

    def close(self):
        """Ends the source. Never raises; what the source raises is logged."""
        try:
            getattr(self._source, "close", lambda: None)()
        except SystemExit:
            raise
        except BaseException as error:  # whatever user code raises
            logs.log_error(user_traceback(error))

    def _pull(self):
        """The next piece, or None at the end."""
        try:
            return _to_bytes(next(self._source))
        except StopIteration:
            return None


def _to_bytes(piece):
    """Text or bytes only: bytes(5) would be five zeros."""
    if isinstance(piece, str):
        return piece.encode("utf-8")
    try:
        return memoryview(piece).tobytes()
    except TypeError:
        raise TypeError("a stream must give str or bytes; this one gave %s" % type(piece).__name__) from None
