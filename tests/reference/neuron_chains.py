#!/usr/bin/env python3
"""Golden numbers of chains of units on the demo's model: tests/golden/study/neuron_chains.json, by a plain forward in
float64 (neuron.py says of which packages).

    python tests/reference/neuron_chains.py

N on: at its mean on Danish, off: on English, of positions 3 to 20 of the first TEXTS sentences of each class; direct
effects by the inverse of the matrix of total ones."""
import itertools
import json
import os

import neuron
import neuron_boosts as boosts
import neuron_runs as runs
import numpy as np
import plain_demo as demo

N, LATER, TEXTS = "attn_1/418", ["L2N442", "L2N325", "L3N909", "L3N12"], 12
ON, OFF = 0, 1


def layer(unit):
    return int(unit[1:].split("N")[0])


def held(value):
    return neuron.latents_held({N: value})


def measure(change):
    """Pre-activations of the later units at the positions that count, and the mean loss of each text."""
    values, losses = [], {c: [] for c in neuron.CLASSES}
    for c in neuron.CLASSES:
        for ids in neuron.sentences(c)[:TEXTS]:
            logits, seen = demo.forward(ids, change)
            losses[c].append(float(np.mean(demo.losses(logits, ids))))
            x = [seen[f"layers.{layer(u)}.mlp.pre"][:, int(u.split("N")[1])] for u in LATER]
            values.append(np.stack(x, -1)[neuron.FROM:neuron.TO + 1])
    return np.concatenate(values), {c: np.array(v) for c, v in losses.items()}


def main():
    on, off = (runs.f32(boosts.mean(N, [c], boosts.plain)) for c in neuron.CLASSES)
    n, classes = len(LATER), neuron.CLASSES
    base = [measure(held(v)) for v in (on, off)]
    whole = (base[OFF][0] - base[ON][0]).mean(0)
    shift = [runs.f32(v) for v in whole]
    golden = {"unit": N, "later": LATER, "texts": TEXTS, "on_at": on, "off_at": off, "shift": shift,
              "tokens": len(base[0][0]), "whole": whole.tolist(),
              "whole_loss": {c: (base[OFF][1][c] - base[ON][1][c]).tolist() for c in classes}}
    for name, k, sign in (("on", ON, 1), ("off", OFF, -1)):
        total = np.zeros((1 + n + len(classes),) * 2)
        total[0, 1:1 + n] = whole
        link, loss = np.zeros((n, n)), {c: [] for c in classes}
        for j, c in enumerate(classes):
            total[0, 1 + n + j] = (base[OFF][1][c] - base[ON][1][c]).mean()
        for i, u in enumerate(LATER):
            moved = measure(runs.both(held((on, off)[k]), runs.shifted({u: sign * shift[i]})))
            link[i] = sign * (moved[0] - base[k][0]).mean(0)
            link[i, [layer(v) <= layer(u) for v in LATER]] = 0
            total[1 + i, 1:1 + n] = link[i] / shift[i]
            for j, c in enumerate(classes):
                d = sign * (moved[1][c] - base[k][1][c])
                loss[c].append(d.tolist())
                total[1 + i, 1 + n + j] = d.mean() / shift[i]
        direct = total @ np.linalg.inv(np.eye(len(total)) + total)
        chains = []
        for size in range(n + 1):
            for way in itertools.combinations(range(n), size):
                if any(layer(LATER[a]) >= layer(LATER[b]) for a, b in zip(way, way[1:])):
                    continue
                steps = [0] + [1 + i for i in way]
                product = np.prod([direct[a, b] for a, b in zip(steps, steps[1:])])
                chains.append([" → ".join([N] + [LATER[i] for i in way] + ["loss"]),
                               [float(product * direct[steps[-1], 1 + n + j]) for j in range(len(classes))]])
        for j in range(len(classes)):
            assert abs(sum(c[1][j] for c in chains) - total[0, 1 + n + j]) < 1e-12
        golden[name] = {"link": link.tolist(), "loss": loss, "chains": chains}
    with open(os.path.join(demo.OUT, "neuron_chains.json"), "w", encoding="utf-8") as f:
        json.dump(golden, f, ensure_ascii=False)
        f.write("\n")


if __name__ == "__main__":
    main()
