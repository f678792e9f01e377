"""Writes golden/: index files of hnswlib 0.8.0, and beside each what it was made of and answered.

    python -m pip install hnswlib==0.8.0 numpy && python make.py

NAME.bin    as `save_index` wrote it, on one thread with a fixed seed
NAME.asks   u32 rows, dim, queries, k, ef, deleted; f32 rows x dim; u64 labels; u64 deleted labels;
            f32 queries x dim; u64 queries x k labels that `knn_query` gave

It also writes the file that packages/conformance opens in every runtime.
"""

import base64

import pathlib
import struct

import hnswlib
import numpy as np

HERE = pathlib.Path(__file__).parent / "golden"
QUERIES, K, EF = 40, 10, 20


def clustered(rng, rows, dim):
    centres = rng.standard_normal((12, dim)) * 2
    return (centres[rng.integers(0, 12, rows)] + rng.standard_normal((rows, dim))).astype("f4")


def write(name, space, vectors, labels, deleted=(), m=5):
    rng = np.random.default_rng(len(name))
    rows, dim = vectors.shape
    index = hnswlib.Index(space=space, dim=dim)
    index.init_index(max_elements=max(rows, 1) + 7, M=m, ef_construction=60, random_seed=100)
    if rows:
        index.add_items(vectors, labels, num_threads=1)
    for label in deleted:
        index.mark_deleted(int(label))
    index.save_index(str(HERE / f"{name}.bin"))
    queries = clustered(rng, QUERIES if rows else 0, dim)
    k = min(K, rows)
    answers = np.zeros((len(queries), k), "u8")
    if rows:
        index.set_ef(EF)
        answers = index.knn_query(queries, k=k, num_threads=1)[0]
    head = struct.pack("<6I", rows, dim, len(queries), k, EF, len(deleted))
    parts = [vectors.astype("<f4"), np.asarray(labels, "<u8"), np.asarray(deleted, "<u8")]
    parts += [queries.astype("<f4"), answers.astype("<u8")]
    (HERE / f"{name}.asks").write_bytes(head + b"".join(part.tobytes() for part in parts))


def conformance():
    """A file of 60 rows x 6 in TypeScript, since a bare page reads no files."""
    rng = np.random.default_rng(5)
    index = hnswlib.Index(space="l2", dim=6)
    index.init_index(max_elements=60, M=4, ef_construction=40, random_seed=100)
    index.add_items(clustered(rng, 60, 6), 10 * np.arange(60) + 3, num_threads=1)
    index.save_index(str(HERE / "page.bin"))
    text = base64.b64encode((HERE / "page.bin").read_bytes()).decode()
    (HERE / "page.bin").unlink()
    lines = [text[at : at + 96] for at in range(0, len(text), 96)]
    folder = HERE.parents[4] / "packages/conformance/cases"
    (folder / "hnswlib-file.ts").write_text(
        "/** Written by crates/nearfield/tests/hnswlib/make.py: 60 rows of 6 numbers, space l2, labels 3, 13, 23 … */\n"
        "export const HNSWLIB_FILE = `\n" + "\n".join(lines) + "`\n"
    )


def main():
    conformance()
    HERE.mkdir(exist_ok=True)
    rng = np.random.default_rng(7)
    plain = clustered(rng, 400, 12)
    write("l2", "l2", plain, np.arange(400))
    write("ip", "ip", plain, np.arange(400))
    write("cosine", "cosine", plain * rng.uniform(0.1, 9, (400, 1)).astype("f4"), rng.permutation(400))
    write("labels", "l2", plain[:200], (2**53 - 1 - 5 * np.arange(200)).astype("u8"), m=2)
    write("deleted", "l2", plain, np.arange(400) * 3, deleted=np.arange(0, 300, 2) * 3)
    copies = np.concatenate([np.repeat(plain[:1], 90, axis=0), plain[:150], plain[100:150]])
    write("copies", "l2", copies, np.arange(len(copies)))
    write("one", "l2", plain[:1], [5])
    write("empty", "cosine", plain[:0], [])
    write("wide", "cosine", clustered(rng, 300, 100), np.arange(300), m=8)


main()
