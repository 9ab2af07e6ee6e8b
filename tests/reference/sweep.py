#!/usr/bin/env python3
"""Golden losses of the sweep on the demo bundle: tests/golden/study/sweep.json.

    pip install torch==2.15.0 transformers==5.23.0 tokenizers==0.23.3 safetensors
    python tests/reference/sweep.py

The first 24 reference sentences of each class; mean loss of each sentence with nothing inserted, and with the
attention's output of layer 1 replaced by the SAE's reconstruction (sae) or that plus its error (error), unmodified
(null) and with the six chosen latents fixed at each value. Float64."""
import json
import os

import torch
from study_demo import CHOSEN, OUT, Demo

VALUES = [-8, -2, 0, 2, 8]
N = 24


def mean_loss(logits, ids):
    logp = torch.log_softmax(logits[:-1], -1)
    return float(-logp[torch.arange(len(ids) - 1), torch.tensor(ids[1:])].mean())


def main():
    demo = Demo()

    def insert(value, keep_error):
        def change(x):
            code = demo.encode(x)[1]
            new = code.clone()
            if value is not None:
                new[:, CHOSEN] = float(value)
            y = new @ demo.w_d + demo.b_p
            return y + x - (code @ demo.w_d + demo.b_p) if keep_error else y
        return change

    lanes = [("none", None)] + [(i, v) for i in ("sae", "error") for v in [None] + VALUES]
    classes = {}
    for cls in ("da", "en"):
        ids = [demo.ids(t) for t in demo.sentences(cls)[:N]]
        rows = [[round(mean_loss(demo.logits(i, None if how == "none" else insert(v, how == "error"))[0], i), 7)
                 for i in ids] for how, v in lanes]
        classes[cls] = {"tokens": [len(i) for i in ids], "loss": rows}
    lines = [json.dumps({"insert": i, "value": v}) for i, v in lanes]
    os.makedirs(OUT, exist_ok=True)
    with open(os.path.join(OUT, "sweep.json"), "w", encoding="utf-8") as f:
        f.write('{"lanes": [' + ",\n ".join(lines) + '],\n "classes": {')
        f.write(",\n ".join(f'"{c}": {{"tokens": {r["tokens"]},\n  "loss": [' + ",\n   ".join(map(str, r["loss"])) + "]}"
                            for c, r in classes.items()) + "}}\n")


if __name__ == "__main__":
    main()
