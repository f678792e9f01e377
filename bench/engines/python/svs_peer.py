"""Scalable Vector Search: a Vamana graph of degree 2 M.

Variants: {"storage": "lvq4x8"}, the vectors in 4 bits a number with 8 more to rank by, which it runs on
Intel processors only (elsewhere it would end the process, so it is refused before), "float16" and
"float32". Cosine is the dot product of normalised rows and queries: the same order with less to compute.
Compressed vectors are read from a file, which is written with `start`, ahead of the build's clock.
"""

import os
import tempfile

from peer import Peer, Unsupported, emptied, normalised, widest

PARTS = ("config", "graph", "data")


class Svs(Peer):
    package = "scalable-vs"

    def start(self, base, queries, metric, variant, isa):
        self.storage = variant.get("storage", "lvq4x8")
        if self.storage not in ("lvq4x8", "float16", "float32"):
            raise ValueError(f"expected the storage lvq4x8, float16 or float32; received {self.storage!r}")
        if self.storage == "lvq4x8" and processor() not in (None, "GenuineIntel"):
            raise Unsupported(f"svs compresses vectors on Intel processors only; this is {processor()}")
        import svs

        cosine = metric == "cosine"
        super().start(base, normalised(queries) if cosine else queries, metric, variant, isa)
        self.library = svs
        self.distance = svs.DistanceType.L2 if metric == "l2" else svs.DistanceType.MIP
        if self.storage == "lvq4x8":
            self.folder = tempfile.TemporaryDirectory(prefix="svs-")
            self.file = os.path.join(self.folder.name, "base.fvecs")
            svs.write_vecs(normalised(base) if cosine else base, self.file)

    @property
    def isa(self):
        return widest("avx512", "avx2")

    def build(self, threads, M, ef_construction):
        parameters = self.library.VamanaBuildParameters(graph_max_degree=2 * M, window_size=ef_construction)
        if self.storage == "lvq4x8":
            plain = self.library.VectorDataLoader(self.file, self.library.DataType.float32)
            rows = self.library.LVQLoader(plain, primary=4, residual=8)
        else:
            rows = normalised(self.base) if self.metric == "cosine" else self.base
            rows = rows.astype(self.storage, copy=False)
        self.index = self.library.Vamana.build(parameters, rows, self.distance, num_threads=threads)

    def insert(self, batch, threads, M, ef_construction):
        raise Unsupported("svs takes new rows into another kind of index only (DynamicVamana)")

    def effort(self, value, k):
        self.index.search_window_size = max(value, k)

    def one(self, k):
        self.index.num_threads = 1
        search = self.index.search
        return lambda row: search(row, k)

    def many(self, k, threads):
        self.index.num_threads = threads
        return lambda: self.index.search(self.queries, k)

    def slots(self, answer):
        return answer[0][0].tolist()

    def slots_of_many(self, answer):
        return answer[0].tolist()

    def save(self, path):
        self.index.save(*(emptied(os.path.join(path, part)) for part in PARTS))

    def load(self, path):
        config, graph, data = (os.path.join(path, part) for part in PARTS)
        svs = self.library
        if self.storage == "lvq4x8":
            rows = svs.LVQLoader(data)
        else:
            rows = svs.VectorDataLoader(data, getattr(svs.DataType, self.storage))
        self.index = svs.Vamana(config, svs.GraphLoader(graph), rows, self.distance, num_threads=1)


def processor():
    """Its maker as /proc/cpuinfo names it; None where there is no such line."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            makers = (line.split(":", 1)[1].strip() for line in lines if line.startswith("vendor_id"))
            return next(makers, None)
    except OSError:
        return None


engine = Svs
