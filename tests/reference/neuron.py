#!/usr/bin/env python3
"""Golden numbers of context neurons on the demo's model: tests/golden/study/neuron.json, by a plain forward in
float64 and scikit-learn.

    pip install numpy==2.4.6 scikit-learn==1.9.1 scipy==1.17.1 tokenizers==0.23.3 safetensors==0.8.0
    python tests/reference/neuron.py

Danish is what units are for, English the other; each sentence begins with the BOS token, position 0."""
import json
import os
import warnings

import numpy as np
import plain_demo as demo
from rng import Rng
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from tokenizers import Tokenizer

CLASSES = ["da", "en"]
FROM, TO, KEPT, SEED = 3, 20, 300, 7
UNITS = ["L1N75", "L2N442", "L2N325", "L3N909", "attn_1/418"]  # of several layers, and a latent
HELD = ["L1N75", "L2N325"]
WHOLE = 2  # all neurons of this layer
TOKENIZER = Tokenizer.from_file(os.path.join(demo.DEMO, "model", "tokenizer.json"))


def sentences(cls):
    with open(os.path.join(demo.DEMO, f"reference-{cls}.txt"), encoding="utf-8") as f:
        return [[0] + TOKENIZER.encode(text, add_special_tokens=False).ids for text in f.read().splitlines()]


def place(unit):
    """Point, index, and whether it is a latent."""
    if unit.startswith("L"):
        layer, index = unit[1:].split("N")
        return f"layers.{layer}.mlp.act", int(index), False
    return "layers.1.attn.out", int(unit.split("/")[1]), True


def held(values):
    """A change that sets units at every position."""
    def change(point, x):
        here = {place(u)[1]: v for u, v in values.items() if place(u)[0] == point and not place(u)[2]}
        if here:
            x = x.copy()
            for index, v in here.items():
                x[:, index] = v
        return x
    return change


def read(unit, seen):
    point, index, latent = place(unit)
    return (demo.encode(seen[point]) if latent else seen[point])[:, index]


class Activity:
    """Values of units, and of a layer's neurons, at the positions that count."""
    def __init__(self, change):
        self.units, self.whole, self.texts = {c: [] for c in CLASSES}, {c: [] for c in CLASSES}, {}
        for c in CLASSES:
            for ids in sentences(c):
                seen = demo.forward(ids, change)[1]
                self.units[c].append(np.stack([read(u, seen) for u in UNITS], -1)[FROM:TO + 1])
                self.whole[c].append(seen[f"layers.{WHOLE}.mlp.act"][FROM:TO + 1])
            self.texts[c] = sum(len(v) > 0 for v in self.units[c])
            self.units[c], self.whole[c] = np.concatenate(self.units[c]), np.concatenate(self.whole[c])

    def means(self):
        return [{"unit": u, "class": c, "mean": self.units[c][:, j].mean(), "sd": self.units[c][:, j].std(ddof=1),
                 "tokens": len(self.units[c]), "texts": self.texts[c]} for j, u in enumerate(UNITS) for c in CLASSES]


def classify(values):
    n = min(KEPT, *(len(values[c]) for c in CLASSES))
    x = np.concatenate([values[c][:n] for c in CLASSES])
    y = np.repeat([1, 0], n)
    order = list(range(2 * n))
    Rng(SEED).shuffle(order)
    test = -(-2 * n // 5)
    train, test = order[:2 * n - test], order[2 * n - test:]
    out = {"train_tokens": len(train), "test_tokens": len(test), "f1": [], "train": [], "test": []}
    for j in range(x.shape[1]):
        m = LogisticRegression(tol=1e-10, max_iter=10000).fit(x[train][:, [j]], y[train])
        out["f1"].append(round(f1_score(y[test], m.predict(x[test][:, [j]])), 6))
        out["train"].append(round(m.score(x[train][:, [j]], y[train]) * len(train)))
        out["test"].append(round(m.score(x[test][:, [j]], y[test]) * len(test)))
    return out


# ---- ablation: the first texts of each class, each unit at its mean on English
ABLATED = ["L1N75", "L2N442", "L3N909", "attn_1/418"]
CROSSED = ABLATED[:3]  # the published code's sets: every index at every layer of the set
TEXTS = 12


def mean_losses(change):
    """Of each class the mean loss of each text."""
    return {c: [float(np.mean(demo.losses(demo.forward(ids, change)[0], ids))) for ids in sentences(c)[:TEXTS]]
            for c in CLASSES}


def sets_of(units):
    out = [([u], "one") for u in units] + [(units, "all")]
    out += [([v for v in units if v != u], "all but " + u) for u in units]
    return out + [([a, b], "pair") for i, a in enumerate(units) for b in units[i + 1:]]


def latents_held(values):
    """held, and latents with the reconstruction's error kept."""
    latents = {place(u)[1]: v for u, v in values.items() if place(u)[2]}
    neurons = held({u: v for u, v in values.items() if not place(u)[2]})

    def change(point, x):
        if point == "layers.1.attn.out" and latents:
            f = demo.encode(x)
            error = x - demo.decode(f)
            for index, v in latents.items():
                f[:, index] = v
            return demo.decode(f) + error
        return neurons(point, x)
    return change


def ablate(means):
    plain, out = mean_losses(lambda point, x: x), []
    for units, kind in sets_of(ABLATED):
        loss = mean_losses(latents_held({u: means[u] for u in units}))
        out.append({"units": units, "set": kind, "loss": loss})
    return {"plain": plain, "at": means, "sets": out}


def crossed(whole_means):
    """whole_means[layer][index]: English means. Indices of all units at each layer, at one value a layer."""
    layers, indices = [int(u[1]) for u in CROSSED], [place(u)[1] for u in CROSSED]
    table = {str(layer): [float(whole_means[layer][i]) for i in indices] for layer in layers}
    values = {f"L{layer}N{i}": float(np.float32(np.mean(table[str(layer)]))) for layer in layers for i in indices}
    return {"units": CROSSED, "values": table, "loss": mean_losses(held(values))}


def english_means():
    seen = {layer: [] for layer in (1, 2, 3)}
    for ids in sentences("en"):
        points = demo.forward(ids)[1]
        for layer, v in seen.items():
            v.append(points[f"layers.{layer}.mlp.act"][FROM:TO + 1])
    return {layer: np.concatenate(v).mean(0) for layer, v in seen.items()}


def main():
    warnings.simplefilter("ignore")
    plain = Activity(lambda point, x: x)
    off = {u: float(np.float32(plain.units["en"][:, UNITS.index(u)].mean())) for u in HELD}
    disturbed = Activity(held(off))
    means = {u: float(np.float32(plain.units["en"][:, UNITS.index(u)].mean())) for u in ABLATED}
    golden = {"from": FROM, "to": TO, "kept": KEPT, "seed": SEED, "units": UNITS, "held": off, "whole": WHOLE,
              "means": plain.means(), "means_held": disturbed.means(), "classify": classify(plain.units),
              "classify_held": classify(disturbed.units), "classify_whole": classify(plain.whole),
              "ablate": ablate(means), "crossed": crossed(english_means())}
    with open(os.path.join(demo.OUT, "neuron.json"), "w", encoding="utf-8") as f:
        json.dump(golden, f)
        f.write("\n")


if __name__ == "__main__":
    main()
