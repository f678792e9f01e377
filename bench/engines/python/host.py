"""An engine's process: `host.py <module>`, with a module of this folder that exports `engine`, a Peer class.

Owns all that is the same for every engine: reading the vectors, clocks, passes, percentiles, memory, files.
Requests and answers are those of harness/contract.ts. What is timed is the library's call and the loop
around it; slots are read out of the answers after the clock has stopped.
"""

import importlib
import os
import sys
import time

sys.dont_write_bytecode = True  # nothing appears among the sources

import numpy as np
from lines import serve


class Host:
    def __init__(self, peer):
        self.peer = peer
        self.rows = []
        self.started = self.built = False

    def answer(self, do, request):
        handlers = {
            "start": self.start,
            "build": self.build,
            "search": self.search,
            "searchBatch": self.search_batch,
            "latency": self.latency,
            "save": self.save,
            "load": self.load,
            "memory": lambda: memory(),
            "insert": self.insert,
        }
        if do not in handlers:
            raise ValueError(f"expected one of {', '.join(handlers)}; received {do!r}")
        if do not in ("start", "memory") and not self.started:
            raise ValueError(f"expected a start that succeeded before {do}")
        if do in ("search", "searchBatch", "latency", "save") and not self.built:
            raise ValueError(f"expected build, insert or load before {do}")
        return handlers[do](**request)

    def start(self, base, queries, rows, dim, metric, variant, isa):
        vectors = matrix(base, dim)
        if len(vectors) != rows:
            raise ValueError(f"expected {rows} rows of {dim} in {base}; received {len(vectors)}")
        self.peer.start(vectors, matrix(queries, dim), metric, variant, isa)
        self.rows = self.peer.query_rows()
        answer = {"version": self.peer.version, "isa": self.peer.isa}
        self.started = True
        return answer

    def build(self, threads, M, efConstruction):
        started = time.perf_counter()
        self.peer.build(threads, M, efConstruction)
        seconds = time.perf_counter() - started
        self.built = True
        return {"seconds": seconds}

    def insert(self, batch, threads, M, efConstruction):
        started = time.perf_counter()
        self.peer.insert(batch, threads, M, efConstruction)
        seconds = time.perf_counter() - started
        self.built = True
        return {"seconds": seconds}

    def search(self, effort, k, seconds):
        self.peer.effort(effort, k)
        one, rows = self.peer.one(k), self.rows
        found, passes, started = [], 0, time.perf_counter()
        while passes == 0 or time.perf_counter() - started < seconds:
            found = [one(row) for row in rows]
            passes += 1
        spent = time.perf_counter() - started
        return {"qps": passes * len(rows) / spent, "slots": [self.peer.slots(answer) for answer in found]}

    def search_batch(self, effort, k, seconds, threads):
        self.peer.effort(effort, k)
        many = self.peer.many(k, threads)
        found, passes, started = None, 0, time.perf_counter()
        while passes == 0 or time.perf_counter() - started < seconds:
            found = many()
            passes += 1
        spent = time.perf_counter() - started
        return {"qps": passes * len(self.rows) / spent, "slots": self.peer.slots_of_many(found)}

    def latency(self, effort, k, seconds):
        self.peer.effort(effort, k)
        one, rows, clock = self.peer.one(k), self.rows, time.perf_counter_ns
        spent, started = [], time.perf_counter()
        while not spent or time.perf_counter() - started < seconds:
            for row in rows:
                before = clock()
                one(row)
                spent.append(clock() - before)
        p50, p99 = np.percentile(spent, [50, 99]) / 1000
        return {"p50": float(p50), "p99": float(p99)}

    def save(self, path):
        self.peer.save(path)
        return {"bytes": size(path)}

    def load(self, path, k, effort):
        started = time.perf_counter()
        self.peer.load(path)
        self.peer.effort(effort, k)
        self.peer.one(k)(self.rows[0])
        seconds = time.perf_counter() - started
        self.built = True
        return {"seconds": seconds}


def matrix(path, dim):
    values = np.fromfile(path, np.float32)
    if len(values) % dim:
        raise ValueError(f"expected a multiple of {dim} numbers in {path}; received {len(values)}")
    return values.reshape(-1, dim)


def size(path):
    """Bytes of a file, or of all files of a folder: some libraries save more than one."""
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(path) for name in names)


def memory():
    try:
        with open("/proc/self/status", encoding="utf-8") as lines:
            words = [line.split() for line in lines if line.startswith(("VmRSS:", "VmHWM:"))]
        kib = {name: int(number) for name, number, _unit in words}
        return {"resident": kib["VmRSS:"] * 1024, "peak": kib["VmHWM:"] * 1024}
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        # Only the most there ever was can be asked for here.
        return {"resident": peak, "peak": peak}


def main():
    if len(sys.argv) != 2:
        raise SystemExit(f"expected host.py <module>; received {' '.join(sys.argv)}")
    peer = []

    def answer(do, request):
        # Imported with the first request, so that a library that cannot be had is an answer and not a crash.
        if not peer:
            peer.append(Host(importlib.import_module(sys.argv[1]).engine()))
        return peer[0].answer(do, request)

    serve(answer)


main()
