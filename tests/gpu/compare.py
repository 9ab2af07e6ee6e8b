#!/usr/bin/env python3
"""Two JSON answers of the same command on two devices: the same structure, names and ids, numbers within a
tolerance (of 1, or of their size where that is more). compare.py A.json B.json TOLERANCE

Times, device names and what follows from them are no results. Ids at ties may differ: at most one in a thousand."""
import json
import math
import sys

OWN = {"ms", "seconds", "device", "dtype", "precision", "cached", "resumed", "command", "engine", "key"}


def compare(a, b, path, tolerance, out):
    if isinstance(a, dict) and isinstance(b, dict):
        for k in sorted((a.keys() | b.keys()) - OWN):
            compare(a.get(k), b.get(k), f"{path}.{k}", tolerance, out)
    elif isinstance(a, list) and isinstance(b, list):
        if all(isinstance(x, dict) and "latent" in x for x in a + b):  # in the order of a number: ties may swap
            a, b = (sorted(rows, key=lambda x: str(x["latent"])) for rows in (a, b))
        if len(a) != len(b):
            out["wrong"].append(f"{path}: {len(b)} entries, expected {len(a)}")
        for i, (x, y) in enumerate(zip(a, b)):
            compare(x, y, f"{path}[{i}]", tolerance, out)
    elif isinstance(a, float) or isinstance(b, float):
        out["numbers"] += 1
        if a is None or b is None or not math.isfinite(a) or abs(a - b) > tolerance * max(1, abs(a)):
            out["wrong"].append(f"{path}: {b}, expected {a}")
        else:
            out["largest"] = max(out["largest"], abs(a - b) / max(1, abs(a)))
    else:
        out["others"] += 1
        if a != b:
            out["differ"].append(f"{path}: {b!r}, expected {a!r}")


def main():
    a, b = (json.load(open(p, encoding="utf-8")) for p in sys.argv[1:3])
    out = {"numbers": 0, "others": 0, "largest": 0.0, "wrong": [], "differ": []}
    compare(a, b, "", float(sys.argv[3]), out)
    print(f"{out['numbers']} numbers, largest difference {out['largest']:.2g}; "
          f"{len(out['differ'])} of {out['others']} others differ")
    for line in (out["wrong"] + out["differ"])[:20]:
        print(line)
    bad = out["wrong"] or len(out["differ"]) > out["others"] / 1000
    print("Error: not the same" if bad else "the same")
    return 1 if bad or not out["numbers"] else 0


sys.exit(main())
