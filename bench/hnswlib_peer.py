"""hnswlib behind lines of JSON, so that its rounds can alternate with ours.

One request a line on stdin, one answer a line on stdout:

    {"do": "load", "vectors": path, "queries": path, "dim": d}
    {"do": "build", "threads": t, "m": m, "ef_construction": e}    -> {"seconds": s}
    {"do": "search", "ef": e, "k": k, "seconds_min": s, "call": "each" | "batch"}
                                                                   -> {"qps": q, "labels": rows of k}

Both arrays are float32, row-major. Searches run on one thread. "each" is one Python call a query,
"batch" one call for all of them, which leaves next to no Python in the figure.
"""

import json
import sys
import time

import hnswlib
import numpy as np


class Peer:
    def load(self, vectors, queries, dim):
        self.vectors = np.fromfile(vectors, np.float32).reshape(-1, dim)
        self.queries = np.fromfile(queries, np.float32).reshape(-1, dim)
        return {"rows": len(self.vectors), "queries": len(self.queries), "version": version()}

    def build(self, threads, m, ef_construction):
        started = time.perf_counter()
        index = hnswlib.Index("cosine", self.vectors.shape[1])
        index.init_index(len(self.vectors), M=m, ef_construction=ef_construction, random_seed=1)
        index.add_items(self.vectors, num_threads=threads)
        seconds = time.perf_counter() - started
        self.index = index
        return {"seconds": seconds}

    def search(self, ef, k, seconds_min, call):
        self.index.set_ef(ef)
        self.index.set_num_threads(1)
        run = self._batch if call == "batch" else self._each
        labels, passes, started = None, 0, time.perf_counter()
        while passes == 0 or time.perf_counter() - started < seconds_min:
            labels = run(k)
            passes += 1
        seconds = time.perf_counter() - started
        return {"qps": passes * len(self.queries) / seconds, "labels": labels}

    def _batch(self, k):
        return self.index.knn_query(self.queries, k=k, num_threads=1)[0].tolist()

    def _each(self, k):
        query = self.index.knn_query
        return [query(row, k=k, num_threads=1)[0][0].tolist() for row in self.queries]


def version():
    from importlib.metadata import version as of

    return of("hnswlib")


def main():
    peer = Peer()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(peer, request.pop("do"))(**request)
        except Exception as error:  # told to the other side, which decides
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


main()
