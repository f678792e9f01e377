"""VSAG's HGraph from Python: codes of 8 bits in the graph, the best of them ranked again by float32.

Variant: {"codes": "sq8"} has a range for each dimension, "sq8_uniform" one for all, which is quicker to
compare. The wheel offers build, search, save and load; no adding, and one query a call. Its storage grows
in blocks of many megabytes and files hold whole blocks, so that small sets look large in both.
"""

import json
import os

import numpy as np
from peer import Peer, emptied, widest


class Vsag(Peer):
    package = "pyvsag"

    def start(self, base, queries, metric, variant, isa):
        import pyvsag

        super().start(base, queries, metric, variant, isa)
        pyvsag.set_logger_off()
        self.library = pyvsag
        self.codes = variant.get("codes", "sq8")

    @property
    def isa(self):
        return widest("avx512", "avx2", "sse")

    def build(self, threads, M, ef_construction):
        self.index = self._empty(threads, M, ef_construction)
        self.index.build(self.base.reshape(-1), np.arange(self.rows, dtype=np.int64), self.rows, self.dim)

    def effort(self, value, k):
        self.parameters = json.dumps({"hgraph": {"ef_search": max(value, k)}})

    def one(self, k):
        search, parameters = self.index.knn_search, self.parameters
        return lambda row: search(row, k, parameters)

    def slots(self, answer):
        return answer[0].tolist()

    def save(self, path):
        emptied(path)
        self.index.save(os.path.join(path, "index"))
        # It opens only in an index of the same parameters; they travel beside it.
        with open(os.path.join(path, "parameters.json"), "w", encoding="utf-8") as file:
            json.dump(self.built, file)

    def load(self, path):
        with open(os.path.join(path, "parameters.json"), encoding="utf-8") as file:
            self.index = self._empty(**json.load(file))
        self.index.load(os.path.join(path, "index"))

    def _empty(self, threads, M, ef_construction):
        self.built = {"threads": threads, "M": M, "ef_construction": ef_construction}
        parameters = {
            "dtype": "float32",
            "metric_type": self.metric,
            "dim": self.dim,
            "index_param": {
                "base_quantization_type": self.codes,
                "use_reorder": True,
                "precise_quantization_type": "fp32",
                # Degree of the lowest layer, where others have 2 M links.
                "max_degree": 2 * M,
                "ef_construction": ef_construction,
                "build_thread_count": threads,
            },
        }
        return self.library.Index("hgraph", json.dumps(parameters))


engine = Vsag
