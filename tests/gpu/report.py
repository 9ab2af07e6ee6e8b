#!/usr/bin/env python3
"""The table of tests/gpu/run.sh, as JSON and as Markdown. report.py MODE VERSIONS ROWS LOG OUT.json OUT.md"""
import datetime
import json
import sys

mode, versions, rows, log, to_json, to_md = sys.argv[1:]
parts = [line.rstrip("\n").split("\t") for line in open(rows, encoding="utf-8")]
today = datetime.date.today().isoformat()
json.dump({"mode": mode, "on": versions, "date": today,
           "parts": [dict(zip(("name", "result", "seconds", "detail"), p)) for p in parts]},
          open(to_json, "w", encoding="utf-8"), indent=1, ensure_ascii=False)
with open(to_md, "w", encoding="utf-8") as f:
    f.write(f"## {mode}, {today}\n\n{versions}\n\n| part | result | s | |\n|---|---|---|---|\n")
    for name, result, seconds, detail in parts:
        f.write(f"| {name} | {result} | {seconds} | {detail} |\n")
    if mode == "bench":  # what the benchmarks printed
        text = open(log, encoding="utf-8", errors="replace").read()
        f.write("\n```\n" + "\n".join(text.split("== ", 1)[-1].splitlines()) + "\n```\n")
