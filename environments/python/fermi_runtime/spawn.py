"""Processes that begin anew (multiprocessing's spawn and forkserver) and call functions of user code, which is no file."""

import os
import sys

from .errors import FILE


class SourceForChildren:
    """Writes user code where a child's `import function` finds it, once a module is imported that starts such children."""

    def __init__(self, source):
        self._source = source

    @classmethod
    def offer(cls, source):
        sys.meta_path.insert(0, cls(source))

    def find_spec(self, name, _path=None, _target=None):
        """Finds nothing: it is told of each import."""
        if name == "multiprocessing.spawn":
            # Another list: this one is being gone through.
            sys.meta_path = [finder for finder in sys.meta_path if finder is not self]
            self._write()

    def _write(self):
        import tempfile

        try:
            folder = tempfile.mkdtemp(prefix=".function-", dir=os.environ.get("HOME"))
            with open(os.path.join(folder, FILE), "w", encoding="utf-8") as file:
                file.write(self._source)
        except OSError:
            # Such children will say that they can't import it; others work.
            return
        # Children get the path as it is here.
        sys.path.insert(0, folder)
