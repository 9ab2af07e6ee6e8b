#!/usr/bin/env python3
"""Golden numbers of runs with SAEs inserted, on the demo's model: tests/golden/study/neuron_inserted.json, by a plain
forward in float64 (neuron.py says of which packages).

    python tests/reference/neuron_inserted.py

The demo's SAE stands at attn.out of layer 1, its own, and of layer 3."""
import json
import os

import neuron
import neuron_boosts as boosts
import neuron_runs as runs
import numpy as np
import plain_demo as demo

TEXTS, LATER = 8, ["L3N909", "L3N12"]  # sentences of each class; positions as in neuron.py
READ = ["L2N442", "attn_1/418", "attn_1/92", "attn_3/390", "attn_3/967"]
HELD = {"L1N75": 1.5, "attn_1/92": 2.0}
UNITS = {"attn_1/418": 3.0, "L1N75": -0.5, "L2N442": 4.0}  # what they are when off
BOTH = {1, 3}


def place(unit):
    if unit.startswith("L"):
        return neuron.place(unit)[:2]
    return f"layers.{unit[5]}.attn.out", int(unit.split("/")[1])


class Model:
    """Inserted: layers whose SAE is, at attn.out; held: units at fixed values, latents of other SAEs with the error kept."""
    def __init__(self, inserted=(), held=()):
        self.inserted, self.held = inserted, dict(held)

    def change(self, point, x):
        self.arrives[point] = x
        here = {place(u)[1]: v for u, v in self.held.items() if place(u)[0] == point}
        inserted = point in [f"layers.{layer}.attn.out" for layer in self.inserted]
        if not here and not inserted:
            return x
        f = demo.encode(x) if point.endswith("attn.out") else x.copy()
        error = 0 if inserted or point.endswith("mlp.act") else x - demo.decode(f)
        for index, v in here.items():
            f[:, index] = v
        return demo.decode(f) + error if point.endswith("attn.out") else f

    def run(self, ids):
        self.arrives = {}
        self.logits, self.seen = demo.forward(ids, self.change)
        return self

    def read(self, unit):
        """The activation; behind what is held, and of an SAE that is inserted in the code that is decoded."""
        point, index = place(unit)
        if point.endswith("mlp.act"):
            return self.seen[point][:, index]
        if unit in self.held:
            return np.full(len(self.seen[point]), self.held[unit])
        inserted = int(point.split(".")[1]) in self.inserted
        return demo.encode((self.arrives if inserted else self.seen)[point])[:, index]

    def losses(self, ids):
        return float(np.mean(demo.losses(self.run(ids).logits, ids)))


def texts(cls, n=TEXTS):
    return neuron.sentences(cls)[:n]


def activity():
    m, out = Model({1}, HELD), []
    for u in READ:
        for c in neuron.CLASSES:
            v = np.concatenate([m.run(ids).read(u)[neuron.FROM:neuron.TO + 1] for ids in texts(c)])
            out.append({"unit": u, "class": c, "mean": v.mean(), "sd": v.std(ddof=1)})
    return out


def difference():
    """Pre-activations of later neurons, and a latent of an inserted SAE, with a unit on and off."""
    on, off, out = Model(BOTH, {"L1N75": 1.5}), Model(BOTH, {"L1N75": -0.5}), {}
    for u in LATER + ["attn_3/390"]:
        v = []
        for c in neuron.CLASSES:
            for ids in texts(c):
                a, b = on.run(ids), None
                a = a.read(u) if "/" in u else a.seen["layers.3.mlp.pre"][:, int(u.split("N")[1])]
                b = off.run(ids)
                b = b.read(u) if "/" in u else b.seen["layers.3.mlp.pre"][:, int(u.split("N")[1])]
                v.append((a - b)[neuron.FROM:neuron.TO + 1])
        out[u] = float(np.concatenate(v).mean())
    return out


def ablate():
    sets = [[u] for u in UNITS] + [list(UNITS)]
    return {"plain": {c: [Model({1}).losses(ids) for ids in texts(c)] for c in neuron.CLASSES},
            "sets": [{c: [Model({1}, {u: UNITS[u] for u in s}).losses(ids) for ids in texts(c)] for c in neuron.CLASSES}
                     for s in sets]}


def written_directly(m):
    """What the units write more when they are off, all else as in m."""
    total = 0
    for u, v in UNITS.items():
        point, index = place(u)
        if "/" in u:
            total = total + (v - m.read(u))[:, None] * demo.SAE["W_dec"][index]
        else:
            w = demo.W[f"gpt_neox.layers.{point.split('.')[1]}.mlp.dense_4h_to_h.weight"][:, index]
            total = total + (v - m.read(u))[:, None] * w
    return total


def stream():
    out = {}
    for c in neuron.CLASSES:
        rows = {"on": [], "off": [], "patched": [], "effects": []}
        for ids in texts(c):
            plain, off = Model(BOTH).run(ids), Model(BOTH, UNITS).run(ids)
            end = runs.POINTS[-1]
            a, b = plain.seen, off.seen
            s = [runs.scale(a[end]), runs.scale(b[end])]
            rows["on"].append([runs.said(a[p], s[0], ids) for p in runs.POINTS])
            rows["off"].append([runs.said(b[p], s[1], ids) for p in runs.POINTS])
            rows["patched"].append([runs.loss_of(a[end] - a[p] + b[p], ids) for p in runs.PATCHED])
            direct = written_directly(plain)
            rows["effects"].append([runs.loss_of(r, ids) for r in (a[end], b[end], a[end] + direct, b[end] - direct)])
        out[c] = {k: np.mean(v, 0).tolist() for k, v in rows.items()}
    return out


def losses():
    """Of each text the mean loss with the units held as they are off, and that with a later neuron moved."""
    out = {}
    for c in neuron.CLASSES:
        out[c] = [[Model(BOTH, {"L2N442": v}).losses(ids) for v in (1.0, -1.0)] for ids in texts(c)]
    return out


def hidden():
    """What layer 2 would say, L2N442 at 1 minus at -1."""
    total = 0
    for ids in texts("da"):
        h = [demo.norm(Model({1}, {"L2N442": v}).run(ids).seen["layers.2.resid.post"], "gpt_neox.final_layer_norm").mean(0)
             for v in (1.0, -1.0)]
        total = total + (h[0] - h[1]) / TEXTS
    return total[:8].tolist()


def main():
    golden = {"texts": TEXTS, "from": neuron.FROM, "to": neuron.TO, "held": HELD, "units": UNITS, "activity": activity(),
              "difference": difference(), "ablate": ablate(), "stream": stream(), "losses": losses(), "hidden": hidden()}
    with open(os.path.join(demo.OUT, "neuron_inserted.json"), "w", encoding="utf-8") as f:
        json.dump(golden, f)
        f.write("\n")


if __name__ == "__main__":
    main()
