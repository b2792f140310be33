"""How much a hostile request body of one mebibyte costs the strict JSON loader.

Prints CPU milliseconds and the ratio to an honest body of the same length.
"""

import time

from tocsin.domain.errors import Unreadable
from tocsin.web.strict_json import loads

MEBIBYTE = 1 << 20
HONEST = b'{"x":[' + b'{"name":"Hello","n":17},' * (MEBIBYTE // 24 - 1) + b"1]}"
BODIES = {
    "deep nesting": b'{"a":' * (MEBIBYTE // 5),
    "pairs of brackets": b"[]" * (MEBIBYTE // 2),
    "a number of a million digits": b'{"a":' + b"1" * (MEBIBYTE - 6) + b"}",
    "150,000 twin keys": b"{" + b'"a":1,' * 150_000 + b'"b":1}',
    "70,000 pairs of twins": b'{"x":[' + b'{"a":1,"a":2},' * 70_000 + b"1]}",
    "a text without end": b'{"a":"' + b"x" * (MEBIBYTE - 6),
    "half a surrogate pair at the end": b'{"a":[' + b"{}," * 340_000 + rb'"\ud800"]}',
}


def cpu_ms(body: bytes) -> float:
    """Return the least CPU time of five readings."""
    least = float("inf")
    for _ in range(5):
        began = time.process_time()
        try:
            loads(body)
        except Unreadable:
            pass
        least = min(least, time.process_time() - began)
    return least * 1000


def main() -> None:
    """Print a line for each body."""
    honest = cpu_ms(HONEST)
    print(f"{'an honest body':34} {honest:8.1f} ms")
    for name, body in BODIES.items():
        cost = cpu_ms(body)
        print(f"{name:34} {cost:8.1f} ms  {cost / honest:5.2f} times an honest one")


if __name__ == "__main__":
    main()
