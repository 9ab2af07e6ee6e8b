"""Loads the demo model in transformers and runs it with one hook point replaced."""
import json, numpy as np, torch
from transformers import GPTNeoXForCausalLM, GPTNeoXConfig, PreTrainedTokenizerFast
from safetensors.torch import load_file


def load(path):
    c = json.load(open(f"{path}/config.json"))
    cfg = GPTNeoXConfig(vocab_size=c["vocab_size"], hidden_size=c["hidden_size"], num_hidden_layers=c["num_hidden_layers"],
                        num_attention_heads=c["num_attention_heads"], intermediate_size=c["intermediate_size"],
                        hidden_act="gelu", max_position_embeddings=c["max_position_embeddings"], layer_norm_eps=1e-5,
                        use_parallel_residual=True, tie_word_embeddings=False,
                        rope_parameters={"rope_type": "default", "rope_theta": c["rotary_emb_base"],
                                         "partial_rotary_factor": c["rotary_pct"]}, attn_implementation="sdpa")
    m = GPTNeoXForCausalLM(cfg)
    missing, unexpected = m.load_state_dict({k.replace("embed_out.", "lm_head."): v.float() for k, v in load_file(f"{path}/model.safetensors").items()}, strict=False)
    assert not missing and not unexpected, (missing, unexpected)
    t = PreTrainedTokenizerFast(tokenizer_file=f"{path}/tokenizer.json")
    return m.eval(), t


def module(m, hook):
    p = hook.split(".")
    layer = m.gpt_neox.layers[int(p[1])]
    return {"resid.post": layer, "mlp.act": layer.mlp.act, "mlp.out": layer.mlp, "attn.out": layer.attention}[".".join(p[2:])]


class Hook:
    """replace: f(x) → new value of the hooked activation; None: only capture."""
    def __init__(s, m, hook, replace=None):
        s.x = None
        def fn(mod, inp, out):
            x = out[0] if isinstance(out, tuple) else out
            s.x = x.detach()
            if replace is None: return out
            y = replace(x)
            return (y,) + out[1:] if isinstance(out, tuple) else y
        s.h = module(m, hook).register_forward_hook(fn)
    def __enter__(s): return s
    def __exit__(s, *a): s.h.remove()


def batches(t, lines, n=32, ctx=128):
    enc = [t.encode(l)[:ctx] for l in lines]
    enc = [e for e in enc if len(e) > 1]
    for i in range(0, len(enc), n):
        b = enc[i:i + n]
        T = max(map(len, b))
        ids = torch.zeros(len(b), T, dtype=torch.long)
        mask = torch.zeros(len(b), T, dtype=torch.bool)
        for r, e in enumerate(b):
            ids[r, :len(e)] = torch.tensor(e)
            mask[r, :len(e)] = True
        yield ids, mask


@torch.no_grad()
def losses(m, t, lines, hook=None, replace=None):
    """Per sentence: the mean next-token loss in nats. Right padding is harmless to a causal model."""
    out = []
    for ids, mask in batches(t, lines):
        if hook:
            with Hook(m, hook, replace): logits = m(ids).logits
        else:
            logits = m(ids).logits
        l = torch.nn.functional.cross_entropy(logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none")
        w = mask[:, 1:].float()
        out.append((l * w).sum(1) / w.sum(1))
    return torch.cat(out).numpy()
