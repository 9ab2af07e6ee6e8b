#!/usr/bin/env python3
"""Golden values of TransformerLens' own weights: tests/golden/model/tl.safetensors. Models of model.py converted,
folded and centred by the package itself, in float64.

    pip install transformer-lens==3.9.0 torch==2.15.0 transformers==5.24.0 numpy safetensors
    python tests/reference/tl.py"""
import os
import sys

import numpy as np
import torch
from safetensors.numpy import save_file
from transformer_lens import HookedTransformer, HookedTransformerConfig
from transformer_lens.pretrained.weight_conversions import convert_gpt2_weights, convert_neox_weights

sys.path.insert(0, os.path.dirname(__file__))
import hash_weights as hw  # noqa: E402
import model as reference  # noqa: E402

ROWS = [3, 6, 10]
TOKENS = [0, 7, 40]  # rows of the unembedding and the embedding


def config(hf, parallel, rotary):
    c = hf.config
    n = getattr(c, "num_hidden_layers")
    return HookedTransformerConfig(
        n_layers=n, d_model=c.hidden_size, d_head=c.hidden_size // c.num_attention_heads, n_heads=c.num_attention_heads,
        d_mlp=getattr(c, "intermediate_size", None) or getattr(c, "n_inner", None) or 4 * c.hidden_size,
        n_ctx=c.max_position_embeddings, d_vocab=c.vocab_size, eps=1e-5,
        act_fn="gelu" if rotary else "gelu_new", normalization_type="LN", parallel_attn_mlp=parallel,
        positional_embedding_type="rotary" if rotary else "standard", rotary_adjacent_pairs=False,
        rotary_dim=int(c.hidden_size // c.num_attention_heads * rotary) or None, rotary_base=10000,
        dtype=torch.float64, device="cpu", original_architecture=c.architectures and c.architectures[0])


def points(cfg):
    out = {"embed": "hook_embed", "final_norm": "ln_final.hook_normalized"}
    names = {"resid.pre": "hook_resid_pre", "attn.z": "attn.hook_z", "attn.out": "hook_attn_out",
             "mlp.in": "ln2.hook_normalized", "mlp.pre": "mlp.hook_pre", "mlp.act": "mlp.hook_post",
             "mlp.out": "hook_mlp_out", "resid.post": "hook_resid_post"}
    if not cfg.parallel_attn_mlp:
        names["resid.mid"] = "hook_resid_mid"
    for layer in range(cfg.n_layers):
        out.update({f"layers.{layer}.{ours}": f"blocks.{layer}.{theirs}" for ours, theirs in names.items()})
    return out


def results(name, hf, cfg, convert):
    tl = HookedTransformer(cfg)
    state = convert(hf, cfg)
    tl.load_and_process_state_dict(state, fold_ln=True, center_writing_weights=True, center_unembed=True,
                                   fold_value_biases=True)
    tl = tl.double().eval()
    ids = (hw.steps("ids." + name, sum(reference.LENGTHS)) + 1024) % cfg.d_vocab
    parts, start = [], 0
    for n in reference.LENGTHS:
        seq = ids[start:start + n].tolist()
        with torch.no_grad():
            logits, cache = tl.run_with_cache(torch.tensor([seq]), prepend_bos=False)
        part = {ours: cache[theirs][0].flatten(1) for ours, theirs in points(cfg).items()}
        part["logits"] = logits[0]
        part["loss"] = reference.losses(logits[0], seq)
        plain = reference.losses(reference.run(hf, seq)[0], seq)
        print(name, "loss", part["loss"][:-1].mean().item(), "of the plain model", plain[:-1].mean().item())
        parts.append(part)
        start += n
    out = {f"{name}/ids": ids.astype(np.int32)}
    for k in parts[0]:
        v = torch.cat([p[k] for p in parts])
        out[f"{name}/{k}"] = (v if k == "loss" else v[ROWS]).float().numpy()
    w_u, w_e = tl.W_U.detach().T, tl.W_E.detach()
    out[f"{name}/W_U"], out[f"{name}/W_E"] = w_u[TOKENS].float().numpy(), w_e[TOKENS].float().numpy()
    out[f"{name}/norms"] = torch.cat([w_u.norm(dim=1), w_e.norm(dim=1)]).float().numpy()
    return out


def main():
    out = {}
    for name in ("parallel", "sequential"):
        c = reference.SMALL[name]
        hf = reference.build(c, torch.float64)
        out.update(results(name, hf, config(hf, name == "parallel", c[6]), convert_neox_weights))
    hf = reference.build_arch(reference.ARCHS["gpt2"])
    out.update(results("gpt2", hf, config(hf, False, 0), convert_gpt2_weights))
    save_file({k: np.ascontiguousarray(v) for k, v in out.items()}, os.path.join(reference.OUT, "tl.safetensors"))


main()
