"""Glass: a graph walked by codes of eight or four bits, the best ranked again by float32.

Variant: {"codes": "SQ8U" | "SQ4U"}. Graphs are built over SQ8U, as its authors do. Its own wheel is for
AVX-512 and Python up to 3.10; this is the same source built for AVX2 (pyglass-portable). What it calls
optimize, a search for the best prefetch on samples, belongs to the build. It knows threads only as a setting
of the whole process, and a saved graph needs the vectors to be searched: they count as part of the file.
"""

import os

import glass
import numpy as np
from peer import Peer, emptied, normalised

EF_OPTIMIZED = 100
"""The pool that prefetching is tuned with."""


class Glass(Peer):
    package = "pyglass-portable"

    def start(self, base, queries, metric, variant, isa):
        queries = normalised(queries) if metric == "cosine" else queries
        super().start(base, queries, metric, variant, isa)
        self.kind = {"l2": "L2", "ip": "IP", "cosine": "IP"}[metric]
        self.codes = variant["codes"]

    @property
    def isa(self):
        return "avx2 (built so)"

    def build(self, threads, M, ef_construction):
        glass.set_num_threads(threads)
        rows = normalised(self.base) if self.metric == "cosine" else self.base
        # Degree of the lowest layer, where others have 2 M links.
        self.graph = glass.Index("HNSW", self.kind, "SQ8U", 2 * M, ef_construction).build(rows)
        self.searched = rows
        self.searcher = self._searcher(threads)

    def effort(self, value, k):
        self.searcher.set_ef(max(value, k))

    def one(self, k):
        search = self.searcher.search
        return lambda row: search(row, k)

    def many(self, k, threads):
        search = self.searcher.batch_search
        return lambda: search(self.queries, k, threads)

    def slots(self, answer):
        return answer[0].tolist()

    def slots_of_many(self, answer):
        return np.asarray(answer[0]).reshape(len(self.queries), -1).tolist()

    def save(self, path):
        emptied(path)
        self.graph.save(os.path.join(path, "graph"))
        self.searched.tofile(os.path.join(path, "vectors"))

    def load(self, path):
        self.searched = np.fromfile(os.path.join(path, "vectors"), np.float32).reshape(-1, self.dim)
        self.graph = glass.Graph(os.path.join(path, "graph"))
        self.searcher = self._searcher(1)

    def _searcher(self, threads):
        searcher = glass.Searcher(self.graph, self.searched, self.kind, self.codes, "FP32")
        searcher.set_ef(EF_OPTIMIZED)
        searcher.optimize(threads)
        return searcher


engine = Glass
