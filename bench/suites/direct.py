import sys, time, hnswlib, numpy as np
base, queries, dim, space = np.fromfile(sys.argv[1], "f4"), np.fromfile(sys.argv[2], "f4"), int(sys.argv[3]), sys.argv[4]
base, queries = base.reshape(-1, dim), queries.reshape(-1, dim)
index = hnswlib.Index(space, dim)
index.init_index(len(base), M=16, ef_construction=200, random_seed=1)
index.add_items(base, num_threads=1)
index.set_num_threads(1)
for line in sys.stdin:
    index.set_ef(int(line)); started = time.perf_counter(); passes = 0
    while time.perf_counter() - started < 0.05: passes += 1; [index.knn_query(query, k=10) for query in queries]
    print(passes * len(queries) / (time.perf_counter() - started), flush=True)
