"""faiss on the CPU.

Variants: {"index": "flat"} compares every row; {"index": "hnsw"} is HNSWFlat; {"index": "pq", "dsub":
numbers a code, "refine": r} partitions with product-quantised codes of 4 bits scanned in registers, the best
r · k ranked again by float32; {"index": "rabitq", "bits": b, "refine": r} the same over RaBitQ codes of
randomly rotated rows. Partitions: about 4 √rows. No cosine: rows and queries are normalised and compared by
dot. One binary for all instruction sets; `avx2` holds it to that.
"""

import math

from peer import Peer, Unsupported, normalised


class Faiss(Peer):
    package = "faiss-cpu"

    def start(self, base, queries, metric, variant, isa):
        import faiss

        cosine = metric == "cosine"
        super().start(base, normalised(queries) if cosine else queries, metric, variant, isa)
        if variant["index"] not in ("flat", "hnsw", "pq", "rabitq"):
            raise ValueError(f"expected the index flat, hnsw, pq or rabitq; received {variant['index']!r}")
        if isa == "avx2":
            # Before any index is made: kernels are looked up by this.
            faiss.SIMDConfig.set_level(faiss.SIMDLevel_AVX2)
        self.library = faiss
        self.kind = faiss.METRIC_L2 if metric == "l2" else faiss.METRIC_INNER_PRODUCT

    @property
    def _parted(self):
        return self.variant["index"] in ("pq", "rabitq")

    @property
    def isa(self):
        return self.library.SIMDConfig.get_level_name().lower()

    def build(self, threads, M, ef_construction):
        self.library.omp_set_num_threads(threads)
        rows = normalised(self.base) if self.metric == "cosine" else self.base
        index = self._empty(M, ef_construction)
        index.train(rows)
        index.add(rows)
        self._use(index)

    def insert(self, batch, threads, M, ef_construction):
        if self._parted:
            raise Unsupported("partitions need their centroids before they take rows")
        self.library.omp_set_num_threads(threads)
        rows = normalised(self.base) if self.metric == "cosine" else self.base
        index = self._empty(M, ef_construction)
        for at in range(0, self.rows, batch):
            index.add(rows[at : at + batch])
        self._use(index)

    def effort(self, value, k):
        if self.variant["index"] == "hnsw":
            self.index.hnsw.efSearch = value
        elif self._parted:
            self.partitions.nprobe = min(value, self.partitions.nlist)

    def query_rows(self):
        return [self.queries[i : i + 1] for i in range(len(self.queries))]

    def one(self, k):
        self.library.omp_set_num_threads(1)
        search = self.index.search
        return lambda row: search(row, k)

    def many(self, k, threads):
        self.library.omp_set_num_threads(threads)
        return lambda: self.index.search(self.queries, k)

    def slots(self, answer):
        return present(answer[1][0])

    def slots_of_many(self, answer):
        return [present(row) for row in answer[1]]

    def save(self, path):
        self.library.write_index(self.index, path)

    def load(self, path):
        self._use(self.library.read_index(path))

    def _use(self, index):
        self.index = index
        if self._parted:
            index.k_factor = self.variant.get("refine", 8)
            self.partitions = self.library.extract_index_ivf(index.base_index)

    def _empty(self, M, ef_construction):
        faiss = self.library
        if self.variant["index"] == "hnsw":
            index = faiss.IndexHNSWFlat(self.dim, M, self.kind)
            index.hnsw.efConstruction = ef_construction
            return index
        flat = faiss.IndexFlatL2 if self.metric == "l2" else faiss.IndexFlatIP
        if not self._parted:
            return flat(self.dim)
        count = max(1, min(self.rows // 39, round(4 * math.sqrt(self.rows))))
        centroids = flat(self.dim)
        if self.variant["index"] == "pq":
            codes = divisor(self.dim, self.dim // self.variant.get("dsub", 2))
            partitions = faiss.IndexIVFPQFastScan(centroids, self.dim, count, codes, 4, self.kind)
            base = partitions
        else:
            bits = self.variant.get("bits", 1)
            partitions = faiss.IndexIVFRaBitQFastScan(centroids, self.dim, count, self.kind, 32, True, bits)
            base = faiss.IndexPreTransform(faiss.RandomRotationMatrix(self.dim, self.dim), partitions)
        partitions.cp.spherical = self.metric == "cosine"
        # What wraps does not keep alive what it wraps: these objects' other ends are in C++.
        self.kept = (base, partitions, centroids)
        return faiss.IndexRefineFlat(base)


def divisor(number, most):
    """The largest divisor that is not above `most`: codes cover equally many numbers each."""
    return next(value for value in range(max(1, most), 0, -1) if number % value == 0)


def present(slots):
    """Without the places that stayed empty, which hold −1."""
    return slots[slots >= 0].tolist()


engine = Faiss
