"""usearch from Python, float32 vectors; SIMD kernels are picked at run time and it tells which.

A call for one query costs it some tens of microseconds beyond the search, batches hardly anything; its npm
package, with the engines of Node, is the one to look at for single queries.
"""

from functools import partial

import numpy as np
from peer import Peer


class Usearch(Peer):
    package = "usearch"

    def start(self, base, queries, metric, variant, isa):
        from usearch.index import Index

        super().start(base, queries, metric, variant, isa)
        self.Index = Index
        self.keys = np.arange(self.rows, dtype=np.uint64)

    @property
    def isa(self):
        return f"{self._empty(16, 128).hardware_acceleration} (picked at run time)"

    def build(self, threads, M, ef_construction):
        self.index = self._empty(M, ef_construction)
        self.index.add(self.keys, self.base, threads=threads)

    def insert(self, batch, threads, M, ef_construction):
        self.index = self._empty(M, ef_construction)
        for at in range(0, self.rows, batch):
            self.index.add(self.keys[at : at + batch], self.base[at : at + batch], threads=threads)

    def effort(self, value, k):
        self.index.expansion_search = value

    def one(self, k):
        return partial(self.index.search, count=k, threads=1)

    def many(self, k, threads):
        return partial(self.index.search, self.queries, k, threads=threads)

    def slots(self, answer):
        return answer.keys.tolist()

    def slots_of_many(self, answer):
        return [row[:count] for row, count in zip(answer.keys.tolist(), answer.counts.tolist())]

    def save(self, path):
        self.index.save(path)

    def load(self, path):
        self.index = self._empty(16, 128)
        self.index.load(path)

    def _empty(self, M, ef_construction):
        kinds = {"l2": "l2sq", "ip": "ip", "cosine": "cos"}
        return self.Index(
            ndim=self.dim,
            metric=kinds[self.metric],
            dtype="f32",
            connectivity=M,
            expansion_add=ef_construction,
        )


engine = Usearch
