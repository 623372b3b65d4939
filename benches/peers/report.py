"""What is measured, and its one line of JSON. Import it before everything that takes long to import."""

import json
import os
import resource
import sys
import time

# table.py tells when it started this process; by hand, it is from here on, without the interpreter's start.
STARTED = float(os.environ.get("PEERS_STARTED", time.time()))


def epoch(number, seconds, loss, accuracy):
    """An epoch's line, as every trainer shows one."""
    print(f"epoch {number}  loss {loss:.4f}  accuracy {100 * accuracy:.2f} %  {seconds:.2f} s", file=sys.stderr)


def result(program, version, fit_seconds, epoch_seconds, test_accuracy):
    """The last line; to be called as soon as the test accuracy is known."""
    # Kibibytes on Linux, bytes on macOS.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    fields = {
        "program": program,
        "version": version,
        "fit_seconds": fit_seconds,
        "epoch_seconds": epoch_seconds,
        "test_accuracy": test_accuracy,
        "total_seconds": time.time() - STARTED,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit,
    }
    print(json.dumps(fields))
