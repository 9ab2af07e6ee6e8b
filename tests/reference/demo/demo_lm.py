"""Trains the demo language model: GPT-NeoX, parallel residual, two languages.

Blocks start at a line's start, hold one language, and close each line with <|endoftext|>.
The matrices of the layers are trained with Muon (Newton-Schulz orthogonalised momentum, K. Jordan 2024),
everything else with AdamW; warm-up, constant, linear decay to zero. Writes a Hugging Face folder in float16.
"""
import argparse, json, math, os, time
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from safetensors.torch import save_file

p = argparse.ArgumentParser()
p.add_argument("--tokens", nargs=2, required=True, help="one .npy a language")
p.add_argument("--heldout", nargs=2, required=True)
p.add_argument("--tokenizer", required=True)
p.add_argument("--out", required=True)
p.add_argument("--d", type=int, default=256)
p.add_argument("--layers", type=int, default=4)
p.add_argument("--heads", type=int, default=4)
p.add_argument("--ctx", type=int, default=256)
p.add_argument("--batch", type=int, default=16)
p.add_argument("--steps", type=int, default=7000)
p.add_argument("--decay", type=float, default=0.6)
p.add_argument("--lr-muon", type=float, default=0.02)
p.add_argument("--lr-adam", type=float, default=2e-3)
p.add_argument("--seed", type=int, default=1)
p.add_argument("--bench", type=int, default=0)
a = p.parse_args()
torch.manual_seed(a.seed)
rng = np.random.default_rng(a.seed)
tok = json.load(open(a.tokenizer))
V = len(tok["model"]["vocab"])
ROT = int((a.d // a.heads) * 0.25)


class Layer(nn.Module):
    def __init__(s):
        super().__init__()
        s.ln1, s.ln2 = nn.LayerNorm(a.d, eps=1e-5), nn.LayerNorm(a.d, eps=1e-5)
        s.qkv, s.o = nn.Linear(a.d, 3 * a.d), nn.Linear(a.d, a.d)
        s.up, s.down = nn.Linear(a.d, 4 * a.d), nn.Linear(4 * a.d, a.d)

    def forward(s, x, cos, sin):
        B, T, D = x.shape
        q, k, v = s.qkv(s.ln1(x)).view(B, T, a.heads, -1).transpose(1, 2).chunk(3, -1)
        rot = lambda z: torch.cat((-z[..., ROT // 2:], z[..., :ROT // 2]), -1)
        def rope(z):
            r, rest = z[..., :ROT], z[..., ROT:]
            return torch.cat((r * cos + rot(r) * sin, rest), -1)
        y = F.scaled_dot_product_attention(rope(q), rope(k), v, is_causal=True)
        y = s.o(y.transpose(1, 2).reshape(B, T, D))
        return x + y + s.down(F.gelu(s.up(s.ln2(x))))


class LM(nn.Module):
    def __init__(s):
        super().__init__()
        s.emb = nn.Embedding(V, a.d)
        s.layers = nn.ModuleList(Layer() for _ in range(a.layers))
        s.ln = nn.LayerNorm(a.d, eps=1e-5)
        s.head = nn.Linear(a.d, V, bias=False)
        for n, w in s.named_parameters():
            if w.dim() == 2:
                nn.init.normal_(w, std=0.02 / (math.sqrt(2 * a.layers) if (".o." in n or ".down." in n) else 1))
            elif n.endswith("bias"):
                nn.init.zeros_(w)
        inv = 1.0 / (10000 ** (torch.arange(0, ROT, 2).float() / ROT))
        f = torch.outer(torch.arange(512).float(), inv)
        s.register_buffer("cos", torch.cat((f.cos(), f.cos()), -1), persistent=False)
        s.register_buffer("sin", torch.cat((f.sin(), f.sin()), -1), persistent=False)

    def forward(s, ids, target):
        x = s.emb(ids)
        cos, sin = s.cos[:ids.shape[1]].to(x.dtype), s.sin[:ids.shape[1]].to(x.dtype)
        for l in s.layers:
            x = l(x, cos, sin)
        logits = s.head(s.ln(x)).view(-1, V)
        return F.cross_entropy(logits, target.reshape(-1))


class Stream:
    """Blocks of ctx + 1 tokens that start at line starts; a pass visits the corpus once, from a random line on."""
    def __init__(s, path):
        s.ids = np.load(path)
        s.starts = np.concatenate(([0], np.flatnonzero(s.ids == 0)[:-1] + 1))
        s.order, s.next = None, 0

    def block(s):
        if s.order is None or s.next >= len(s.order):
            at, blocks = rng.integers(0, a.ctx), []
            i = np.searchsorted(s.starts, at)
            while i < len(s.starts) and s.starts[i] + a.ctx + 1 <= len(s.ids):
                blocks.append(s.starts[i])
                i = max(i + 1, np.searchsorted(s.starts, s.starts[i] + a.ctx - 16))
            s.order, s.next = rng.permutation(np.array(blocks)), 0
        b = s.order[s.next]
        s.next += 1
        return s.ids[b:b + a.ctx + 1]


def newton_schulz(G, steps=5):
    X = G.bfloat16()
    t = X.shape[0] > X.shape[1]
    if t: X = X.T
    X = X / (X.norm() + 1e-7)
    for _ in range(steps):
        A = X @ X.T
        X = 3.4445 * X + (-4.7750 * A + 2.0315 * A @ A) @ X
    return (X.T if t else X).float()


model = LM()
muon = [(n, w) for n, w in model.named_parameters() if n.startswith("layers") and w.dim() == 2]
names = {n for n, _ in muon}
adam = torch.optim.AdamW(
    [{"params": [w for n, w in model.named_parameters() if n not in names and w.dim() == 2], "weight_decay": 0.05},
     {"params": [w for n, w in model.named_parameters() if w.dim() < 2], "weight_decay": 0.0}],
    lr=a.lr_adam, betas=(0.9, 0.98), fused=True)
momentum = {n: torch.zeros_like(w) for n, w in muon}
streams = [Stream(t) for t in a.tokens]


def batch():
    b = np.stack([streams[i % 2].block() for i in range(a.batch)]).astype(np.int64)
    b = torch.from_numpy(b)
    return b[:, :-1], b[:, 1:]


@torch.no_grad()
def heldout_loss():
    """Each line its own sequence, no BOS: the mean over tokens, in nats."""
    res = []
    for path in a.heldout:
        ids = np.load(path)
        lines = [l for l in np.split(ids, np.flatnonzero(ids == 0) + 1) if len(l) > 2][:600]
        tot = n = 0
        for i in range(0, len(lines), 40):
            ls = [l[:-1][:a.ctx] for l in lines[i:i + 40]]
            T = max(map(len, ls))
            x = torch.zeros(len(ls), T, dtype=torch.long)
            y = torch.full((len(ls), T), -100)
            for r, l in enumerate(ls):
                x[r, :len(l)] = torch.from_numpy(l.astype(np.int64))
                y[r, :len(l) - 1] = x[r, 1:len(l)]
            c = int((y >= 0).sum())
            tot += float(model(x, y)) * c
            n += c
        res.append(tot / n)
    return res


def schedule(step):
    if step < 100: return (step + 1) / 100
    left = (a.steps - step) / (a.steps * a.decay)
    return min(1.0, left)


def save(out):
    os.makedirs(out, exist_ok=True)
    h = lambda w: w.detach().to(torch.float16).contiguous()
    t = {"gpt_neox.embed_in.weight": h(model.emb.weight), "embed_out.weight": h(model.head.weight),
         "gpt_neox.final_layer_norm.weight": h(model.ln.weight), "gpt_neox.final_layer_norm.bias": h(model.ln.bias)}
    for i, l in enumerate(model.layers):
        for ours, theirs in (("ln1", "input_layernorm"), ("ln2", "post_attention_layernorm"),
                             ("qkv", "attention.query_key_value"), ("o", "attention.dense"),
                             ("up", "mlp.dense_h_to_4h"), ("down", "mlp.dense_4h_to_h")):
            m = getattr(l, ours)
            w, b = m.weight, m.bias
            t[f"gpt_neox.layers.{i}.{theirs}.weight"], t[f"gpt_neox.layers.{i}.{theirs}.bias"] = h(w), h(b)
    save_file(t, f"{out}/model.safetensors", metadata={"format": "pt"})
    json.dump({"architectures": ["GPTNeoXForCausalLM"], "model_type": "gpt_neox", "vocab_size": V, "hidden_size": a.d,
               "num_hidden_layers": a.layers, "num_attention_heads": a.heads, "intermediate_size": 4 * a.d,
               "hidden_act": "gelu", "rotary_pct": 0.25, "rotary_emb_base": 10000, "max_position_embeddings": a.ctx,
               "layer_norm_eps": 1e-5, "use_parallel_residual": True, "tie_word_embeddings": False,
               "bos_token_id": 0, "eos_token_id": 0, "torch_dtype": "float16"}, open(f"{out}/config.json", "w"), indent=1)
    open(f"{out}/tokenizer.json", "w").write(open(a.tokenizer).read())


compiled = torch.compile(model)
t0 = time.time()
avg = None
step = -1
while (step := step + 1) < (a.bench or a.steps):
    x, y = batch()
    with torch.autocast("cpu", torch.bfloat16):
        loss = compiled(x, y)
    loss.backward()
    g = schedule(step)
    torch.nn.utils.clip_grad_norm_([w for grp in adam.param_groups for w in grp["params"]], 1.0)
    for grp in adam.param_groups: grp["lr"] = a.lr_adam * g
    adam.step()
    with torch.no_grad():
        for n, w in muon:
            m = momentum[n]
            m.lerp_(w.grad, 0.05)
            u = w.grad.lerp(m, 0.95)
            parts = (u,)
            for part, wp in zip(parts, w.chunk(len(parts))):
                wp.mul_(1 - a.lr_muon * g * 0.01).add_(newton_schulz(part), alpha=-a.lr_muon * g * max(1, part.shape[0] / part.shape[1]) ** 0.5)
    for w in model.parameters(): w.grad = None
    avg = loss.item() if avg is None else 0.98 * avg + 0.02 * loss.item()
    if step % 50 == 0 and os.path.exists(f"{a.out}/steps"):  # the number of steps can be changed while it runs
        a.steps = int(open(f"{a.out}/steps").read())
    if step % 50 == 0 or step < 5:
        dt = time.time() - t0
        print(f"{step} loss {avg:.4f} {(step + 1) * a.batch * a.ctx / dt:.0f} tok/s left {dt / (step + 1) * (a.steps - step - 1) / 60:.1f} min", flush=True)
    if step and step % 500 == 0:
        print("heldout", heldout_loss(), flush=True)
        save(a.out)
save(a.out)
print("heldout", heldout_loss())
