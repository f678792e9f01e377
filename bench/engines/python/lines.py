"""One request a line on stdin, one answer a line on stdout; both JSON, in order.

Libraries written in C++ print to file descriptor 1, so answers go to a copy of it and descriptor 1
itself is pointed at stderr before any of them is imported.
"""

import json
import os
import sys


class Unsupported(Exception):
    """The engine has no such thing; the message says why."""


def serve(answer):
    """Calls `answer(do, request)` for every line until stdin ends; what it raises is told, not fatal."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            request = json.loads(line)
            reply = answer(request.pop("do"), request)
        except Unsupported as reason:
            reply = {"unsupported": str(reason)}
        except Exception as error:  # the other side decides what it means
            reply = {"error": f"{type(error).__name__}: {error}"}
        out.write(json.dumps(reply) + "\n")
        out.flush()
