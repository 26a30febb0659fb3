"""Fermi's runtime for Python: one process that serves one function, as environments/CONTRACT.md says.

Options: --host (127.0.0.1), --ready-fd (writes {"port"} there once it listens), --exit-with-stdin (ends when stdin
does), --body-limit (bytes, where the specialization does not say). PORT may be 0. Python 3.8 or later, nothing but its
standard library; Flask's `request` works where Flask is installed.
"""

import os
import sys

# Not in the processes of user code's that begin by reading this file again (multiprocessing).
if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

    from fermi_runtime.main import main

    # User code may call its own things `fermi_runtime`'s neighbours: this folder is not for it to import from.
    sys.path.pop(0)

    main(sys.argv[1:])
