"""Trains TopK SAEs (signed, centred: x̂ = W_d·topk(W_e(x − b_p) + b_e) + b_p) on one hook point of the demo model and
measures what decides: FVU, shares of the latents by language on held-out text, the sweep of the chosen six.

Chosen: the greatest product of Danish share and effect is not looked at; the rule is shares alone (share Danish > 20 %,
English < 5 % on the finding half of the held-out lines, ordered by the difference of shares), verified on the other half.
"""
import argparse, itertools, json, math, time
from demo_common import *
from safetensors.torch import save_file

p = argparse.ArgumentParser()
p.add_argument("--model", required=True)
p.add_argument("--hook", nargs="+", required=True)
p.add_argument("--m", type=int, nargs="+", default=[1024])
p.add_argument("--k", type=int, nargs="+", default=[8])
p.add_argument("--lines", type=int, default=12000, help="lines a language")
p.add_argument("--steps", type=int, default=2500)
p.add_argument("--batch", type=int, default=1024, help="tokens a step, from all sentences shuffled")
p.add_argument("--lr", type=float, default=1e-3)
p.add_argument("--seed", type=int, default=1)
p.add_argument("--eval", type=int, default=150)
p.add_argument("--save")
a = p.parse_args()
torch.manual_seed(a.seed)
m, t = load(a.model)
rng = np.random.default_rng(a.seed)
rd = lambda f: [l for l in open(f, encoding="utf-8").read().split("\n") if len(l) > 20]
train = []
for f in ("da.txt", "en.txt"):
    ls = rd(f); train.append([ls[i] for i in rng.permutation(len(ls))[:a.lines]])
held = [[l for l in rd(f) if len(l) < 300] for f in ("heldout-da.txt", "heldout-en.txt")]
for h in held: rng.shuffle(h)
held = [h[:1200] for h in held]


@torch.no_grad()
def activations(hooks, lines):
    res = {h: [] for h in hooks}
    lines = sorted(lines, key=len)
    for ids, mask in batches(t, lines, 64):
        hs = [Hook(m, h) for h in hooks]
        m.gpt_neox(ids)
        for h, x in zip(hooks, hs):
            res[h].append(x.x[mask]); x.h.remove()
    return {h: torch.cat(v) for h, v in res.items()}


def encode(s, x):
    pre = (x - s["b_p"]) @ s["W_e"].T + s["b_e"]
    return pre, pre.topk(s["k"], -1)


def recon(s, x, fix=None):
    pre, (v, i) = encode(s, x)
    f = torch.zeros_like(pre).scatter(-1, i, v)
    if fix is not None: f[..., fix[0]] = fix[1]
    return f @ s["W_d"] + s["b_p"]


def train_sae(X, m_, k):
    n = X.shape[1]
    g = torch.Generator().manual_seed(a.seed)
    W_d = torch.randn(m_, n, generator=g); W_d /= W_d.norm(dim=1, keepdim=True)
    scale = X.std()
    par = {"W_d": W_d * 1.0, "W_e": W_d.clone(), "b_e": torch.zeros(m_), "b_p": X.mean(0).clone()}
    for w in par.values(): w.requires_grad_()
    opt = torch.optim.Adam(par.values(), lr=a.lr, fused=True)
    X = X / scale
    par["b_p"].data /= scale
    for step in range(a.steps):
        for grp in opt.param_groups: grp["lr"] = a.lr * min(1, (step + 1) / 50, (a.steps - step) / (a.steps * 0.3))
        x = X[torch.randint(len(X), (a.batch,), generator=g)]
        pre = (x - par["b_p"]) @ par["W_e"].T + par["b_e"]
        v, i = pre.topk(k, -1)
        f = torch.zeros_like(pre).scatter(-1, i, v)
        loss = ((f @ par["W_d"] + par["b_p"] - x) ** 2).mean()
        opt.zero_grad(); loss.backward(); opt.step()
    s = {q: w.detach().clone() for q, w in par.items()}
    s["W_d"] *= scale; s["b_p"] *= scale; s["W_e"] /= scale
    s["k"] = k
    return s


def shares(s, X):
    c = torch.zeros(s["W_e"].shape[0]); pre_sum = torch.zeros_like(c)
    for x in X.split(8192):
        pre, (_, i) = encode(s, x)
        c += torch.bincount(i.reshape(-1), minlength=len(c)).float(); pre_sum += pre.sum(0)
    return c / len(X), pre_sum / len(X)


acts = activations(a.hook, train[0] + train[1])
ev = [activations(a.hook, h) for h in held]
half = [[activations(a.hook, h[0::2]), activations(a.hook, h[1::2])] for h in held]
for hook, m_, k in itertools.product(a.hook, a.m, a.k):
    t0 = time.time()
    s = train_sae(acts[hook], m_, k)
    X = torch.cat([e[hook] for e in ev])
    r = recon(s, X)
    fvu = float(((X - r) ** 2).sum() / ((X - X.mean(0)) ** 2).sum())
    (fd, pd), (fe, pe) = [shares(s, half[c][0][hook]) for c in (0, 1)]
    (vd, _), (ve, _) = [shares(s, half[c][1][hook]) for c in (0, 1)]
    ok = (fd > .2) & (fe < .05)
    order = torch.argsort(torch.where(ok, fd - fe, fd - fe - 10), descending=True)[:6]
    alive = int(((fd + fe) > 0).sum())
    print(f"{hook} m {m_} k {k} fvu {fvu:.3f} alive {alive} passing {int(ok.sum())} ({time.time() - t0:.0f} s):",
          " ".join(f"{int(j)}:{fd[j]:.2f}/{fe[j]:.3f}→{vd[j]:.2f}/{ve[j]:.3f}({pd[j]:.1f},{pe[j]:.1f})" for j in order), flush=True)
    chosen = [int(j) for j in order if ok[j]]
    if len(chosen) < 3: continue
    # one factor for all latents (their order decides the topk): the chosen ones' typical Danish activation becomes 3
    pre, (_, i) = encode(s, half[0][0][hook])
    on = torch.zeros_like(pre, dtype=torch.bool).scatter(-1, i, True)[:, chosen]
    typical = [float(pre[:, chosen][:, q][on[:, q]].mean()) for q in range(len(chosen))]
    factor = 3.0 / float(np.median(typical))
    s["W_e"] *= factor; s["b_e"] *= factor; s["W_d"] /= factor
    print("    typical", " ".join(f"{x * factor:.1f}" for x in typical), f"factor {factor:.2f}")
    b = [losses(m, t, h[:a.eval], hook, lambda x: recon(s, x)).mean() for h in held]
    pl = [losses(m, t, h[:a.eval]).mean() for h in held]
    row = [f"ins {b[0] - pl[0]:+.2f}/{b[1] - pl[1]:+.2f}"]
    for v in (-8, -6, -4, -2, 0, 2, 4, 6, 8):
        fix = (chosen, float(v))
        l = [losses(m, t, h[:a.eval], hook, lambda x: recon(s, x, fix)).mean() for h in held]
        row.append(f"{v}: {l[0] - b[0]:+.2f}/{l[1] - b[1]:+.2f}")
    print("   ", " | ".join(row), flush=True)
    if a.save:
        torch.save({"s": s, "hook": hook, "chosen": chosen, "fvu": fvu, "args": vars(a)}, a.save)
