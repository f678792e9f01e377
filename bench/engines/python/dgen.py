"""dgen-py, for comparing generators: no engine, but lines of JSON as well.

    {"do": "start"}                                            -> {"version": v}
    {"do": "generate", "bytes": n, "chunk": c, "threads": t}   -> {"seconds": s}

    {"do": "vectors", "rows": n, "dim": d, "threads": t}       -> {"seconds": s}

Fills one buffer of c bytes over and over until n bytes have been made, which is how its documentation has
it fastest. Buffer and generator are made, and the buffer filled once, before the clock starts. Vectors are
normalised and come in new memory: there is no call that takes memory to fill.
"""

import importlib.metadata
import sys
import time

sys.dont_write_bytecode = True  # nothing appears among the sources

from lines import serve


def answer(do, request):
    if do == "start":
        return {"version": importlib.metadata.version("dgen-py")}
    if do == "generate":
        return {"seconds": generate(**request)}
    if do == "vectors":
        return {"seconds": vectors(**request)}
    raise ValueError(f"expected start, generate or vectors; received {do!r}")


def generate(bytes, chunk, threads):
    import dgen_py

    buffer = bytearray(chunk)
    generator = dgen_py.Generator(size=chunk + bytes, max_threads=threads, chunk_size=chunk)
    generator.fill_chunk(buffer)
    made, started = 0, time.perf_counter()
    while made < bytes:
        wrote = generator.fill_chunk(buffer)
        if wrote == 0:
            raise RuntimeError(f"expected {bytes} bytes; received {made}")
        made += wrote
    return time.perf_counter() - started


def vectors(rows, dim, threads):
    import dgen_py

    started = time.perf_counter()
    view = dgen_py.generate_uniform_vectors(rows, dim, low=-1.0, high=1.0, normalize=True, max_threads=threads, seed=7)
    seconds = time.perf_counter() - started
    if len(view) != rows * dim * 4:
        raise RuntimeError(f"expected {rows * dim * 4} bytes; received {len(view)}")
    return seconds


serve(answer)
