"""Where does the language sit? The difference of the language means as one direction, its coordinate set to v."""
import sys, numpy as np, torch
from demo_common import *
m, t = load(sys.argv[1])
N = int(sys.argv[2]) if len(sys.argv) > 2 else 120
rd = lambda f: [l for l in open(f, encoding="utf-8").read().split("\n") if 30 < len(l) < 300]
da, en = rd("heldout-da.txt"), rd("heldout-en.txt")
rng = np.random.default_rng(0); rng.shuffle(da); rng.shuffle(en)
L = m.config.num_hidden_layers
base = [losses(m, t, x[:N]).mean() for x in (da, en)]
print("plain", base)
for hook in [f"layers.{l}.{s}" for l in range(L) for s in ("resid.post", "mlp.act", "mlp.out", "attn.out")]:
    mu = []
    for x in (da, en):
        s = 0; n = 0
        for ids, mask in batches(t, x[N:N + 200]):
            with Hook(m, hook) as h, torch.no_grad(): m(ids)
            s = s + h.x[mask].sum(0); n += int(mask.sum())
        mu.append(s / n)
    d = mu[0] - mu[1]
    u = d / d.dot(d)
    row = []
    for v in (-1, 0, 1, 2):
        rep = lambda x: x + (v - (x - mu[1]) @ u)[..., None] * d
        row.append(" / ".join(f"{losses(m, t, x[:N], hook, rep).mean() - b:+.2f}" for x, b in zip((da, en), base)))
    print(f"{hook:22}", " | ".join(row), flush=True)
