"""hnswlib: the reference HNSW.

It comes as source, is compiled where it is installed and then uses what that compiler takes for native
(AVX-512 or AVX without FMA kernels, SSE otherwise); there is no switch at run time.
"""

from functools import partial

from peer import Peer


class Hnswlib(Peer):
    package = "hnswlib"

    def start(self, base, queries, metric, variant, isa):
        import hnswlib

        super().start(base, queries, metric, variant, isa)
        self.library = hnswlib

    @property
    def isa(self):
        # Kernels are chosen by the preprocessor, so those that are in the binary tell what it was built for.
        with open(self.library.__file__, "rb") as binary:
            code = binary.read()
        for name in ("AVX512", "AVX", "SSE"):
            if f"SIMD16Ext{name}".encode() in code:
                return f"{name.lower()} (built so)"
        return "unknown (binary without symbols)"

    def build(self, threads, M, ef_construction):
        self.index = self._empty(M, ef_construction)
        self.index.add_items(self.base, num_threads=threads)

    def insert(self, batch, threads, M, ef_construction):
        self.index = self._empty(M, ef_construction)
        for at in range(0, self.rows, batch):
            self.index.add_items(self.base[at : at + batch], num_threads=threads)

    def effort(self, value, k):
        self.index.set_ef(value)

    def one(self, k):
        return partial(self.index.knn_query, k=k, num_threads=1)

    def many(self, k, threads):
        return partial(self.index.knn_query, self.queries, k=k, num_threads=threads)

    def slots(self, answer):
        return answer[0][0].tolist()

    def slots_of_many(self, answer):
        return answer[0].tolist()

    def save(self, path):
        self.index.save_index(path)

    def load(self, path):
        self.index = self.library.Index(self.metric, self.dim)
        self.index.load_index(path)

    def _empty(self, M, ef_construction):
        index = self.library.Index(self.metric, self.dim)
        index.init_index(self.rows, M=M, ef_construction=ef_construction, random_seed=1)
        return index


engine = Hnswlib
