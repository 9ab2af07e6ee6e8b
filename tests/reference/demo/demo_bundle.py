"""Puts the bundle together (model, SAE, statistics, demo.glimt) and measures what the model card says, on what is
written: weights rounded to float16. Writes MEASURED.md beside it."""
import argparse, hashlib, json, os, shutil
from demo_common import *
from safetensors.torch import save_file

p = argparse.ArgumentParser()
p.add_argument("--model", required=True)
p.add_argument("--sae", required=True)
p.add_argument("--mlp-sae")
p.add_argument("--out", required=True)
p.add_argument("--ted", help="tedtalks_da_en.tsv: another domain, for measuring only")
p.add_argument("--languages", help="folder of europarl-XX.txt: third languages as controls")
a = p.parse_args()
os.makedirs(f"{a.out}/model", exist_ok=True)
for f in ("config.json", "model.safetensors", "tokenizer.json"): shutil.copy(f"{a.model}/{f}", f"{a.out}/model/{f}")
m, t = load(f"{a.out}/model")
rng = np.random.default_rng(7)
rd = lambda f: [l for l in open(f, encoding="utf-8").read().split("\n") if l]
held = [rd(f"heldout-{c}.txt") for c in ("da", "en")]
for h in held: rng.shuffle(h)
card = []
say = lambda s: (card.append(s), print(s, flush=True))


def write_sae(src, path):
    d = torch.load(src, weights_only=False)
    s = d["s"]
    h = lambda w: w.to(torch.float16).contiguous()
    save_file({"encoder.weight": h(s["W_e"]), "encoder.bias": s["b_e"].float().contiguous(), "W_dec": h(s["W_d"]),
               "b_dec": s["b_p"].float().contiguous()}, path,
              metadata={"format": "glimt-sae", "version": "1", "hook": d["hook"], "k": str(s["k"]), "select": "topk",
                        "relu": "never", "norm": "none", "centre": "true", "norm_rescale": "false", "skip": "false"})
    for q in ("W_e", "W_d"): s[q] = h(s[q]).float()
    return s, d["hook"], d["chosen"]


def encode(s, x):
    pre = (x - s["b_p"]) @ s["W_e"].T + s["b_e"]
    return pre, pre.topk(s["k"], -1)


def recon(s, x, fix=None):
    pre, (v, i) = encode(s, x)
    f = torch.zeros_like(pre).scatter(-1, i, v)
    if fix is not None: f[..., fix[0]] = fix[1]
    return f @ s["W_d"] + s["b_p"]


@torch.no_grad()
def acts(hook, lines):
    out = []
    for ids, mask in batches(t, sorted(lines, key=len), 64):
        with Hook(m, hook) as h: m.gpt_neox(ids)
        out.append(h.x[mask])
    return torch.cat(out)


@torch.no_grad()
def token_loss(lines):
    s = n = b = 0
    for line in lines:
        ids = torch.tensor([t.encode(line)[:256]])
        if ids.shape[1] < 2: continue
        l = torch.nn.functional.cross_entropy(m(ids).logits[0, :-1], ids[0, 1:], reduction="sum")
        s += float(l); n += ids.shape[1] - 1; b += len(line.encode())
    return s / n, s / b / np.log(2)


def shares(s, x):
    c = torch.zeros(len(s["b_e"]))
    for y in x.split(8192): c += torch.bincount(encode(s, y)[1][1].reshape(-1), minlength=len(c)).float()
    return c / len(x)


def sae_facts(s, hook, name):
    X = [acts(hook, h[:800]) for h in held]
    x = torch.cat(X)
    r = recon(s, x)
    fvu = float(((x - r) ** 2).sum() / ((x - x.mean(0)) ** 2).sum())
    ev = [h[:250] for h in held]
    mean = x.mean(0)
    rows = []
    for c, h in zip(("Danish", "English"), ev):
        plain, ins = losses(m, t, h).mean(), losses(m, t, h, hook, lambda y: recon(s, y)).mean()
        zero = losses(m, t, h, hook, lambda y: torch.zeros_like(y)).mean()
        rows.append(f"{c} plain {plain:.3f}, inserted {ins:.3f}, zeroed {zero:.3f}: {(zero - ins) / (zero - plain) * 100:.1f} % recovered")
    say(f"**{name}**: {hook}, n {x.shape[1]}, m {len(s['b_e'])}, k {s['k']}; FVU {fvu:.3f}, L0 {s['k']}; " + "; ".join(rows) + ".")
    return X


s, hook, chosen = write_sae(a.sae, f"{a.out}/sae.safetensors")
say(f"Held out, nats a token / bits a byte: Danish {token_loss(held[0][:1500])[0]:.3f} / {token_loss(held[0][:1500])[1]:.3f}, "
    f"English {token_loss(held[1][:1500])[0]:.3f} / {token_loss(held[1][:1500])[1]:.3f}.\n")
X = sae_facts(s, hook, "Main SAE")
if a.mlp_sae:
    s2, hook2, _ = write_sae(a.mlp_sae, f"{a.out}/sae-mlp.safetensors")
    say(""); sae_facts(s2, hook2, "Second SAE")
x = torch.cat(X)
fire = torch.stack([shares(s, q) for q in X])
pre = [encode(s, q)[0] for q in X]
allpre = torch.cat(pre)
q99 = torch.quantile(allpre[torch.randperm(len(allpre), generator=torch.Generator().manual_seed(1))[:20000]].abs(), .99, dim=0)
save_file({"fire_share": fire.contiguous(), "mean_pre": torch.stack([q.mean(0) for q in pre]).contiguous(),
           "pre_median": allpre.median(0).values.contiguous(), "abs_pre_p99": q99.contiguous()}, f"{a.out}/statistics.safetensors")
say("\n| chosen latent | share Danish | share English | mean pre-activation Danish | English |\n|---|---|---|---|---|")
for j in chosen:
    say(f"| {j} | {fire[0, j] * 100:.1f} % | {fire[1, j] * 100:.2f} % | {pre[0][:, j].mean():+.2f} | {pre[1][:, j].mean():+.2f} |")

V = (-8, -6, -4, -3, -2, -1.5, -1, -.5, 0, .5, 1, 1.5, 2, 3, 4, 6, 8)


def sweep(name, da, en):
    base = [losses(m, t, c, hook, lambda y: recon(s, y)).mean() for c in (da, en)]
    say(f"\n{name} ({len(da)} + {len(en)} sentences; mean over sentences; inserted and nothing fixed: Danish {base[0]:.3f}, English {base[1]:.3f}; change in nats)\n\n"
        "| value | Danish | English |\n|---|---|---|")
    D = []
    for v in V:
        d = [losses(m, t, c, hook, lambda y: recon(s, y, (chosen, float(v)))).mean() - b for c, b in zip((da, en), base)]
        D.append(d)
        say(f"| {v:g} | {d[0]:+.3f} | {d[1]:+.3f} |")
    D = np.array(D)
    left = [(v, d) for v, d in zip(V, D) if v <= 0][::-1]
    for (v0, d0), (v1, d1) in zip(left, left[1:]):
        if d0[0] < .2 <= d1[0]:
            w = (.2 - d0[0]) / (d1[0] - d0[0])
            e = d0[1] + w * (d1[1] - d0[1])
            say(f"\nTo the left, where Danish has risen by 0.2 (value {v0 + w * (v1 - v0):.2f}), English has risen by {e:+.3f}: "
                + (f"{.2 / e:.1f} times as much" if e > 0 else "not at all") + f" — {'passes' if e <= .2 / 3 else 'FAILS'}.")
            break
    right = [(v, d) for v, d in zip(V, D) if v > 0 and d[1] >= .1 and d[1] >= 2 * d[0]]
    say(f"To the right: " + (f"at {right[0][0]:g} English {right[0][1][1]:+.3f}, Danish {right[0][1][0]:+.3f} — passes." if right else "FAILS."))


short = [[l for l in h if 20 < len(l) < 300][:300] for h in held]
sweep("Held-out text", *short)
ref = [rd(f"{a.out}/reference-{c}.txt") for c in ("da", "en")]
sweep("The reference sentences", *ref)
if a.ted:
    rows = [l.rsplit("\t", 1) for l in rd(a.ted)]
    ted = [[x for x, y in rows if y == str(c) and 20 < len(x) < 300] for c in (0, 1)]
    for c in ted: rng.shuffle(c)
    sweep("TED talks (another domain, spoken)", ted[0][:250], ted[1][:250])
if a.languages:
    say("\n| Europarl in | tokens a word | " + " | ".join(f"{j}" for j in chosen) + " | any of them |\n|---|---|" + "---|" * (len(chosen) + 1))
    for code, name in (("da", "Danish"), ("sv", "Swedish"), ("de", "German"), ("nl", "Dutch"), ("fr", "French"), ("fi", "Finnish"), ("en", "English")):
        lines = rd(f"{a.languages}/europarl-{code}.txt")[:150]
        q = acts(hook, lines)
        on = torch.zeros(len(q), len(s["b_e"]), dtype=torch.bool).scatter(-1, encode(s, q)[1][1], True)[:, chosen]
        words = sum(len(l.split()) for l in lines)
        toks = sum(len(t.encode(l)) for l in lines)
        say(f"| {name} | {toks / words:.2f} | " + " | ".join(f"{float(c) * 100:.0f} %" for c in on.float().mean(0)) + f" | {float(on.any(1).float().mean()) * 100:.0f} % |")
say("\nGreedy continuations (prompt in bold):\n")
for prompt in ("Regeringen har besluttet at", "Der var engang en gammel mand, som", "Klik på knappen for at", "The government has decided to", "Once upon a time there was", "Click the button to"):
    ids = t.encode(prompt)
    with torch.no_grad():
        for _ in range(24): ids.append(int(m(torch.tensor([ids])).logits[0, -1].argmax()))
    say(f"- **{prompt}**{t.decode(ids)[len(prompt):].split('<|endoftext|>')[0]}")
sha = lambda f: hashlib.sha256(open(f"{a.out}/{f}", "rb").read()).hexdigest()
files = ["model/model.safetensors", "model/tokenizer.json", "model/config.json", "sae.safetensors", "statistics.safetensors",
         "reference-da.txt", "reference-en.txt"] + (["sae-mlp.safetensors"] if a.mlp_sae else [])
json.dump({"glimt_bundle": 1, "title": "demo", "model": "model", "sae": "sae.safetensors", "hook": hook,
           "classes": [{"name": "da", "label": "Danish", "reference": "reference-da.txt"},
                       {"name": "en", "label": "English", "reference": "reference-en.txt"}],
           "chosen": chosen, "statistics": "statistics.safetensors",
           "rule": {"share_target_min": 0.2, "share_other_max": 0.05, "found_on": "600 held-out lines a language, the six greatest differences of shares"},
           "sha256": {f: sha(f) for f in files}}, open(f"{a.out}/demo.glimt", "w"), indent=1)
open(f"{a.out}/MEASURED.md", "w").write("\n".join(card) + "\n")
