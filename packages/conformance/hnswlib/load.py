"""Loads what write.ts wrote with hnswlib itself and measures it beside a graph of its own: python load.py FOLDER."""

import json
import pathlib
import sys

import hnswlib
import numpy as np

DIM, K = 32, 10
folder = pathlib.Path(sys.argv[1])

for metric in ("l2", "ip", "cosine"):
    data = np.fromfile(folder / f"{metric}.data", "<f4").reshape(-1, DIM)
    queries = np.fromfile(folder / f"{metric}.queries", "<f4").reshape(-1, DIM)
    index = hnswlib.Index(space=metric, dim=DIM)
    index.load_index(str(folder / f"{metric}.bin"))
    assert index.get_current_count() == len(data), index.get_current_count()

    def distances(query, rows):
        if metric == "l2":
            return ((rows - query) ** 2).sum(1, dtype="f8")
        if metric == "ip":
            return 1 - rows.astype("f8") @ query
        return 1 - rows.astype("f8") @ query / np.linalg.norm(rows, axis=1) / np.linalg.norm(query)

    limits = [np.sort(distances(query, data))[K - 1] + 1e-5 for query in queries]
    built = hnswlib.Index(space=metric, dim=DIM)
    built.init_index(max_elements=len(data), M=16, ef_construction=200, random_seed=100)
    built.add_items(data, 3 * np.arange(len(data)) + 1, num_threads=1)

    def recall(index, ef):
        index.set_ef(ef)
        labels = index.knn_query(queries, k=K, num_threads=1)[0].astype(int)
        rows = [data[(found - 1) // 3] for found in labels]
        return np.mean([(distances(q, r) <= limit).mean() for q, r, limit in zip(queries, rows, limits)])

    for ef, nearfield in json.loads((folder / f"{metric}.json").read_text()):
        ours, theirs = recall(index, ef), recall(built, ef)
        print(f"{metric:6} ef {ef:3}  hnswlib on its own graph {theirs:.4f}, on nearfield's {ours:.4f}; nearfield {nearfield:.4f}")
        # The queries lie between the clusters: nearfield walks down from many nodes, hnswlib from one,
        # and which of the two graphs that suits better differs by metric while ef is small.
        assert ours >= theirs - (0.02 if ef == 200 else 0.1), (metric, ef)
    index.set_ef(100)
    copies = index.knn_query(data[:1], k=40)[0][0].astype(int)
    if metric != "ip":
        expected = {3 * 70 * copy + 1 for copy in range(40)}
        assert set(copies) == expected, "every copy is found"
print("hnswlib loads what nearfield writes")
