#!/usr/bin/env python3
"""The table of tests/gpu/run.sh, as JSON and as Markdown. report.py MODE VERSIONS ROWS LOG OUT.json OUT.md

The log is the parts' outputs, each behind "== NAME: …". What a benchmark prints as row<TAB>NAME<TAB>p50<TAB>p95[<TAB>floor]
becomes a row of a table of that model, what PyTorch prints under the same name stands beside it."""
import datetime
import json
import sys


def benchmarks(log):
    """{model: {row: {column: [p50, p95, floor]}}}; columns: glimt, by calls (without graphs), PyTorch eager, PyTorch
    compiled"""
    tables, part = {}, ""
    for line in open(log, encoding="utf-8", errors="replace"):
        if line.startswith("== "):
            part = line[3:].split(":", 1)[0]
        elif line.startswith("row\t"):
            _, name, *numbers = line.rstrip("\n").split("\t")
            what, _, model = part.rpartition(", ")
            column = what if what.startswith("PyTorch") else "by calls" if what.endswith("by calls") else "glimt"
            tables.setdefault(model, {}).setdefault(name, {})[column] = [float(x) for x in numbers]
    return tables


def number(x):
    return f"{x:.3g}" if x is not None else ""


mode, versions, rows, log, to_json, to_md = sys.argv[1:]
parts = [line.rstrip("\n").split("\t") for line in open(rows, encoding="utf-8")]
today = datetime.date.today().isoformat()
tables = benchmarks(log)
json.dump({"mode": mode, "on": versions, "date": today,
           "parts": [dict(zip(("name", "result", "seconds", "detail"), p)) for p in parts], "benchmarks": tables},
          open(to_json, "w", encoding="utf-8"), indent=1, ensure_ascii=False)
with open(to_md, "w", encoding="utf-8") as f:
    f.write(f"## {mode}, {today}\n\n{versions}\n\n| part | result | s | |\n|---|---|---|---|\n")
    for name, result, seconds, detail in parts:
        f.write(f"| {name} | {result} | {seconds} | {detail} |\n")
    for model, table in tables.items():
        f.write(f"\n{model}, ms (harvest: µs a token):\n\n"
                "| | p50 | p95 | floor | p50 by calls | PyTorch eager | PyTorch compiled |\n|---|---|---|---|---|---|---|\n")
        for name, of in table.items():
            ours = (of.get("glimt", []) + [None] * 3)[:3]
            theirs = [of.get(c, [None])[0] for c in ("by calls", "PyTorch eager", "PyTorch compiled")]
            f.write(f"| {name} | " + " | ".join(number(x) for x in ours + theirs) + " |\n")
