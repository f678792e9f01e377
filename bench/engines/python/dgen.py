"""dgen-py, for comparing generators: no engine, but lines of JSON as well.

    {"do": "start"}                                            -> {"version": v}
    {"do": "generate", "bytes": n, "chunk": c, "threads": t}   -> {"seconds": s}

Fills one buffer of c bytes over and over until n bytes have been made, which is how its documentation has
it fastest. Buffer and generator are made, and the buffer's pages touched, before the clock starts.
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
    raise ValueError(f"expected start or generate; received {do!r}")


def generate(bytes, chunk, threads):
    import dgen_py

    buffer = bytearray(chunk)
    generator = dgen_py.Generator(size=bytes, max_threads=threads, chunk_size=chunk)
    made, started = 0, time.perf_counter()
    while made < bytes:
        wrote = generator.fill_chunk(buffer)
        if wrote == 0:
            raise RuntimeError(f"expected {bytes} bytes; received {made}")
        made += wrote
    return time.perf_counter() - started


serve(answer)
