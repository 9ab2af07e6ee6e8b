#!/usr/bin/env python3
"""Golden numbers of chains of units on the demo's model: tests/golden/study/neuron_chains.json, by a plain forward in
float64 (neuron.py says of which packages).

    python tests/reference/neuron_chains.py

N on: at its mean on Danish, off: on English, of positions 3 to 20 of the first TEXTS sentences of each class; direct
effects by the inverse of the matrix of total ones. And with the demo's SAE inserted at two layers (neuron_inserted.py)."""
import itertools
import json
import os

import neuron
import neuron_boosts as boosts
import neuron_inserted as inserted
import neuron_runs as runs
import numpy as np
import plain_demo as demo

N, TEXTS = "attn_1/418", 12
LATER = ["L2N442", "L2N325", "L3N909", "L3N12"]
BEHIND = ["L2N442", "attn_3/92", "attn_3/219", "L3N909"]  # with the SAE inserted at layers 1 and 3: its latents, too
LEVELS = [3.0, -0.5]  # on and off there
ON, OFF = 0, 1


def layer(unit):
    return int(unit[1:].split("N")[0])


def step(unit):
    """Where it is in the order of execution: attention's output is there before the MLP of its layer."""
    return 2 * layer(unit) + 1 if unit.startswith("L") else 2 * int(unit[5])


def held(value):
    return neuron.latents_held({N: value})


def plain(value, moved):
    """A run with the unit at a value and later ones moved: logits, and what reads a later one."""
    change = runs.both(held(value), runs.shifted(moved))

    def run(ids):
        logits, seen = demo.forward(ids, change)
        return logits, lambda u: seen[f"layers.{layer(u)}.mlp.pre"][:, int(u.split("N")[1])]
    return run


class Inserted(inserted.Model):
    """Latents are moved in the code that is decoded, and are read in it before that."""
    def __init__(self, value, moved):
        super().__init__(inserted.BOTH, {N: value})
        self.move = runs.shifted({u: v for u, v in moved.items() if u.startswith("L")})
        self.latents = {u: v for u, v in moved.items() if not u.startswith("L")}

    def change(self, point, x):
        out = super().change(point, self.move(point, x))
        for u, v in self.latents.items():
            at, index = inserted.place(u)
            if at == point:
                out = out + v * demo.SAE["W_dec"][index]
        return out

    def __call__(self, ids):
        self.run(ids)
        return self.logits, lambda u: (self.seen[f"layers.{layer(u)}.mlp.pre"][:, int(u.split("N")[1])]
                                       if u.startswith("L") else self.read(u))


def measure(run, later):
    """Values of the later units at the positions that count, and the mean loss of each text."""
    values, losses = [], {c: [] for c in neuron.CLASSES}
    for c in neuron.CLASSES:
        for ids in neuron.sentences(c)[:TEXTS]:
            logits, read = run(ids)
            losses[c].append(float(np.mean(demo.losses(logits, ids))))
            values.append(np.stack([read(u) for u in later], -1)[neuron.FROM:neuron.TO + 1])
    return np.concatenate(values), {c: np.array(v) for c, v in losses.items()}


def chains_of(later, levels, run):
    n, classes = len(later), neuron.CLASSES
    base = [measure(run(v, {}), later) for v in levels]
    whole = (base[OFF][0] - base[ON][0]).mean(0)
    shift = [runs.f32(v) for v in whole]
    assert all(shift)
    golden = {"unit": N, "later": later, "texts": TEXTS, "on_at": levels[ON], "off_at": levels[OFF], "shift": shift,
              "tokens": len(base[0][0]), "whole": whole.tolist(),
              "whole_loss": {c: (base[OFF][1][c] - base[ON][1][c]).tolist() for c in classes}}
    for name, k, sign in (("on", ON, 1), ("off", OFF, -1)):
        total = np.zeros((1 + n + len(classes),) * 2)
        total[0, 1:1 + n] = whole
        link, loss = np.zeros((n, n)), {c: [] for c in classes}
        for j, c in enumerate(classes):
            total[0, 1 + n + j] = (base[OFF][1][c] - base[ON][1][c]).mean()
        for i, u in enumerate(later):
            moved = measure(run(levels[k], {u: sign * shift[i]}), later)
            link[i] = sign * (moved[0] - base[k][0]).mean(0)
            link[i, [step(v) <= step(u) for v in later]] = 0
            total[1 + i, 1:1 + n] = link[i] / shift[i]
            for j, c in enumerate(classes):
                d = sign * (moved[1][c] - base[k][1][c])
                loss[c].append(d.tolist())
                total[1 + i, 1 + n + j] = d.mean() / shift[i]
        direct = total @ np.linalg.inv(np.eye(len(total)) + total)
        chains = []
        for size in range(n + 1):
            for way in itertools.combinations(range(n), size):
                if any(step(later[a]) >= step(later[b]) for a, b in zip(way, way[1:])):
                    continue
                steps = [0] + [1 + i for i in way]
                product = np.prod([direct[a, b] for a, b in zip(steps, steps[1:])])
                chains.append([" → ".join([N] + [later[i] for i in way] + ["loss"]),
                               [float(product * direct[steps[-1], 1 + n + j]) for j in range(len(classes))]])
        for j in range(len(classes)):
            assert abs(sum(c[1][j] for c in chains) - total[0, 1 + n + j]) < 1e-12
        golden[name] = {"link": link.tolist(), "loss": loss, "chains": chains}
    return golden


def main():
    levels = [runs.f32(boosts.mean(N, [c], boosts.plain)) for c in neuron.CLASSES]
    golden = {"plain": chains_of(LATER, levels, plain), "inserted": chains_of(BEHIND, LEVELS, Inserted)}
    with open(os.path.join(demo.OUT, "neuron_chains.json"), "w", encoding="utf-8") as f:
        json.dump(golden, f, ensure_ascii=False)
        f.write("\n")


if __name__ == "__main__":
    main()
