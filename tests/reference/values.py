#!/usr/bin/env python3
"""Golden values of the demo's chosen latents on its reference sentences: tests/golden/study/values.json.

    pip install torch==2.15.0 transformers==5.23.0 tokenizers==0.23.3 safetensors numpy scipy==1.17.1
    python tests/reference/values.py

rows: values on the first sentences; histograms by numpy.histogram, over the joint range (29 bins) and over each
class's own (30); overlap; verification on the sentences of odd index of what those of even index show; co-activation.
Values are rounded to float32 first, as the program keeps them."""
import json
import os

import numpy as np
from scipy import stats
from study_demo import CHOSEN, OUT, Demo

CLASSES = ["da", "en"]
SHOWN = 2    # sentences a class in "rows"
OTHERS = 12  # co-active latents a latent


def main():
    demo = Demo()
    pre, act, active, doc = {}, {}, {}, {}
    for c in CLASSES:
        parts = [[], [], [], []]
        for i, text in enumerate(demo.sentences(c)):
            ids = demo.ids(text)
            p, code, mask = demo.encode(demo.logits(ids)[1])
            for part, v in zip(parts, (p[:, CHOSEN].numpy(), code[:, CHOSEN].numpy(), mask.numpy(), np.full(len(ids), i))):
                part.append(v)
        pre[c], act[c], active[c], doc[c] = (np.concatenate(p) for p in parts)
        pre[c], act[c] = pre[c].astype(np.float32), act[c].astype(np.float32)
    out = {"rows": {c: {"pre": [[float(v) for v in r] for r in pre[c][doc[c] < SHOWN]],
                        "act": [[float(v) for v in r] for r in act[c][doc[c] < SHOWN]]} for c in CLASSES},
           "tokens": {c: len(doc[c]) for c in CLASSES}, "latents": []}
    for j, latent in enumerate(CHOSEN):
        x = {c: pre[c][:, j] for c in CLASSES}
        both = np.concatenate(list(x.values()))
        edges = np.linspace(float(both.min()), float(both.max()), 30)
        counts = {c: np.histogram(x[c], bins=edges)[0] for c in CLASSES}
        r = {"latent": latent, "lo": edges[0], "hi": edges[-1],
             "count": {c: counts[c].tolist() for c in CLASSES},
             "density": {c: np.histogram(x[c], bins=edges, density=True)[0].tolist() for c in CLASSES},
             "overlap": float(np.minimum(*(counts[c] / counts[c].sum() for c in CLASSES)).sum()),
             "higher": max(CLASSES, key=lambda c: x[c].astype(np.float64).mean())}
        own = {c: np.linspace(float(x[c].min()), float(x[c].max()), 31) for c in CLASSES}
        r["own_count"] = {c: np.histogram(x[c], bins=own[c])[0].tolist() for c in CLASSES}
        on = {c: active[c][:, CHOSEN[j]] for c in CLASSES}
        half = {c: [doc[c] % 2 == h for h in (0, 1)] for c in CLASSES}
        r["fired_even"] = {c: int(on[c][half[c][0]].sum()) for c in CLASSES}
        r["verified_share"] = {c: float(on[c][half[c][1]].mean()) for c in CLASSES}
        shares = {c: [on[c][doc[c] == d].mean() for d in np.unique(doc[c]) if d % 2 == 1] for c in CLASSES}
        t = stats.ttest_ind(shares["da"], shares["en"], equal_var=False)
        r["t"], r["p"] = float(t.statistic), float(t.pvalue)
        all_on = np.concatenate([active[c] for c in CLASSES]).astype(np.int64)
        together = all_on[:, latent] @ all_on
        jaccard = together / (all_on[:, latent].sum() + all_on.sum(0) - together)
        jaccard[latent] = -1
        order = np.argsort(-jaccard, kind="stable")[:OTHERS]
        r["coactive"] = [[int(o), int(together[o]), float(jaccard[o])] for o in order]
        out["latents"].append(r)
    out["tokens_even"] = {c: int((doc[c] % 2 == 0).sum()) for c in CLASSES}
    os.makedirs(OUT, exist_ok=True)
    with open(os.path.join(OUT, "values.json"), "w", encoding="utf-8") as f:
        json.dump(out, f)
        f.write("\n")


if __name__ == "__main__":
    main()
