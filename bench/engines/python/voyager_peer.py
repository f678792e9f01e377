"""voyager: a descendant of hnswlib whose wheels are made for any machine of the architecture."""

from functools import partial

from peer import Peer, cpu_has


class Voyager(Peer):
    package = "voyager"

    def start(self, base, queries, metric, variant, isa):
        import voyager

        super().start(base, queries, metric, variant, isa)
        self.library = voyager

    @property
    def isa(self):
        # Its kernels are a matter of compiler flags, and the wheels' leave x86-64 at its baseline.
        return "sse (built so)" if cpu_has("sse2") else "baseline (built so)"

    def build(self, threads, M, ef_construction):
        self.index = self._empty(M, ef_construction)
        self.index.add_items(self.base, num_threads=threads)

    def insert(self, batch, threads, M, ef_construction):
        self.index = self._empty(M, ef_construction)
        for at in range(0, self.rows, batch):
            self.index.add_items(self.base[at : at + batch], num_threads=threads)

    def effort(self, value, k):
        self.ef = value

    def one(self, k):
        return partial(self.index.query, k=k, num_threads=1, query_ef=self.ef)

    def many(self, k, threads):
        return partial(self.index.query, self.queries, k=k, num_threads=threads, query_ef=self.ef)

    def slots(self, answer):
        return answer[0].tolist()

    def slots_of_many(self, answer):
        return answer[0].tolist()

    def save(self, path):
        self.index.save(path)

    def load(self, path):
        self.index = self.library.Index.load(path)

    def _empty(self, M, ef_construction):
        spaces = self.library.Space
        space = {"l2": spaces.Euclidean, "ip": spaces.InnerProduct, "cosine": spaces.Cosine}[self.metric]
        return self.library.Index(
            space,
            num_dimensions=self.dim,
            M=M,
            ef_construction=ef_construction,
            random_seed=1,
            max_elements=self.rows,
        )


engine = Voyager
