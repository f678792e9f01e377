"""What every engine here is: a small class around one library.

The host times and talks; a Peer only knows how its library is used best. Ids handed to a library are the
slots of the base rows, 0 … rows − 1, so what it finds are slots. Queries are made ready (normalised, where
the library has no cosine of its own) before anything is timed; base rows only while the index is built.
"""

import importlib.metadata
import os
import shutil

import numpy as np
from lines import Unsupported

__all__ = ["Peer", "Unsupported", "cpu_has", "emptied", "normalised", "widest"]


class Peer:
    package = ""
    """Its name in the registry."""

    def start(self, base, queries, metric, variant, isa):
        """Keeps the vectors, imports the library. `isa` is a wish: `auto`, or the widest set allowed."""
        self.base, self.queries, self.metric, self.variant = base, queries, metric, variant
        self.rows, self.dim = base.shape

    @property
    def version(self):
        return importlib.metadata.version(self.package)

    @property
    def isa(self):
        """The instructions really used, as far as it can be known."""
        return "unknown"

    def build(self, threads, M, ef_construction):
        """An index over all rows, ready to answer."""
        raise NotImplementedError

    def insert(self, batch, threads, M, ef_construction):
        """The same, rows added `batch` at a time."""
        raise Unsupported(f"{self.package} adds no rows to such an index once it is built")

    def effort(self, value, k):
        """Sets the knob."""
        raise NotImplementedError

    def query_rows(self):
        """The queries as `one` takes them, split ahead so that slicing is not timed."""
        return list(self.queries)

    def one(self, k):
        """The call for one query on one thread: takes a query row, gives the library's answer."""
        raise NotImplementedError

    def many(self, k, threads):
        """The call for all queries at once, without arguments."""
        raise Unsupported(f"{self.package} answers one query a call")

    def slots(self, answer):
        """The slots in what `one` gave, nearest first."""
        raise NotImplementedError

    def slots_of_many(self, answer):
        """The slots in what `many` gave, a row a query."""
        return [self.slots(row) for row in answer]

    def save(self, path):
        raise Unsupported(f"{self.package} saves no such index")

    def load(self, path):
        raise Unsupported(f"{self.package} loads no such index")


def normalised(vectors):
    """Rows of length one, for libraries that know the dot product but not the cosine; zeros stay zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)


def cpu_has(flag):
    """Whether /proc/cpuinfo names the feature; None where there is no such file."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith(("flags", "Features")):
                    return flag in line.split(":", 1)[1].split()
    except OSError:
        pass
    return None


def widest(*names):
    """For a library that picks its kernels at run time and does not tell which: its widest that fits here."""
    flags = {"avx512": "avx512bw", "avx2": "avx2", "sse": "sse4_2"}
    for name in names:
        if cpu_has(flags[name]):
            return f"{name} (picked at run time)"
    return "picked at run time"


def emptied(folder):
    """A folder with nothing in it."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return folder
