"""The RaBitQ library: SymphonyQG, a graph over one-bit codes, and IVF-RaBitQ, partitions of them.

Variants: {"index": "symphonyqg"} keeps raw vectors beside the codes, which is its default; {"index": "ivf",
"bits": 1 … 9, or 32 for raw vectors}. It has no cosine: rows and queries are normalised and compared by dot.
Kernels for AVX2 and AVX-512 are in one binary and picked at run time.
"""

import math

import numpy as np
from peer import Peer, Unsupported, normalised, widest

DIM_MIN = 64
"""Its rotations and its k-means take no shorter rows; zeros behind them change no distance."""


class Rabitqlib(Peer):
    package = "rabitqlib"

    def start(self, base, queries, metric, variant, isa):
        import rabitqlib

        super().start(base, ready(queries, metric), metric, variant, isa)
        self.library = rabitqlib
        self.kind = {"l2": "l2", "ip": "ip", "cosine": "ip"}[metric]
        self.graph = variant["index"] == "symphonyqg"
        if not self.graph and variant["index"] != "ivf":
            raise ValueError(f"expected the index symphonyqg or ivf; received {variant['index']!r}")

    @property
    def isa(self):
        return widest("avx512", "avx2")

    def build(self, threads, M, ef_construction):
        rows = ready(self.base, self.metric)
        if self.graph:
            # Degrees come in steps of 32, the width of its code blocks.
            degree = max(32, -(-2 * M // 32) * 32)
            self.index = self.library.SymqgIndex(rows.shape[1], degree, metric=self.kind)
            self.index.build(rows, ef_construction, num_threads=threads)
            return
        centroids, assignments = self._clusters(rows, threads)
        bits = self.variant.get("bits", 32)
        self.index = self.library.IvfIndex(rows.shape[1], self.rows, len(centroids), bits, metric=self.kind)
        self.index.build(rows, centroids, assignments, num_threads=threads)

    def insert(self, batch, threads, M, ef_construction):
        if self.graph:
            raise Unsupported("SymphonyQG has to be rebuilt for new rows")
        raise Unsupported("IVF-RaBitQ needs its centroids before it takes rows")

    def effort(self, value, k):
        self.value = max(value, k) if self.graph else min(value, self.index.num_clusters)

    def query_rows(self):
        return [self.queries[i : i + 1] for i in range(len(self.queries))]

    def one(self, k):
        search, value = self.index.search, self.value
        return lambda row: search(row, k, value)

    def many(self, k, threads):
        search = self.index.search_batch if self.graph else self.index.search
        return lambda: search(self.queries, k, self.value, num_threads=threads)

    def slots(self, answer):
        return present(answer[0][0])

    def slots_of_many(self, answer):
        return [present(row) for row in answer[0]]

    def save(self, path):
        self.index.save(path)

    def load(self, path):
        self.index = (self.library.SymqgIndex if self.graph else self.library.IvfIndex).load(path)

    def _clusters(self, rows, threads):
        count = max(1, min(self.rows // 39, round(4 * math.sqrt(self.rows))))
        settings = {
            "num_threads": threads,
            "spherical": self.metric == "cosine",
            "final_assignment": self.library.FinalAssignmentMode.Exact,
        }
        # Its documentation's choice: a flat scan for few centroids, a graph over them for many.
        kind = self.library.QGKMeans if count >= 1024 else self.library.RaBitQKMeans
        kmeans = kind(rows.shape[1], count, **settings)
        kmeans.train(rows)
        return kmeans.centroids, kmeans.assignments


def ready(vectors, metric):
    """As it takes them: of length one for cosine, and of DIM_MIN numbers at least."""
    rows = normalised(vectors) if metric == "cosine" else vectors
    missing = DIM_MIN - rows.shape[1]
    return rows if missing <= 0 else np.pad(rows, ((0, 0), (0, missing)))


def present(slots):
    """Without the places that stayed empty, which hold the largest id."""
    return slots[slots != 0xFFFFFFFF].tolist()


engine = Rabitqlib
