#!/usr/bin/env python3
"""Reads back with the packages themselves what `glimt convert` makes: of every checkpoint of dict_formats.py, whose
numbers formats.safetensors holds, and of every class of the packages there and back (package, glimt, package, and from
one package to the other where it has the same kind). Writes tests/golden/dict/converted.json: tensors with their shapes
and what the configuration holds of each kind, as the packages themselves save it.

    pip install torch==2.15.0 numpy safetensors sae-lens==6.54.12 eai-sparsify==1.3.3
    python tests/reference/dict_convert.py build/glimt"""
import json
import os
import subprocess
import sys
import tempfile

import torch
from safetensors import safe_open
from safetensors.torch import load_file

sys.path.insert(0, os.path.dirname(__file__))
import dict_formats as df  # noqa: E402

GOLDEN = os.path.join(df.OUT, "..", "converted.json")
# what Gemma Scope's and Llama Scope's points mean depends on the model: a configuration of each
COMMON = dict(num_hidden_layers=6, hidden_size=24, num_attention_heads=3, num_key_value_heads=3, intermediate_size=40,
              vocab_size=50, max_position_embeddings=16, rms_norm_eps=1e-6, hidden_act="silu", head_dim=8)
MODELS = {"llama": dict(COMMON, model_type="llama", rope_theta=1e4),
          "gemma": dict(COMMON, model_type="gemma2", hidden_activation="gelu_pytorch_tanh", query_pre_attn_scalar=8,
                        sliding_window=4, attn_logit_softcapping=None, final_logit_softcapping=None, rope_theta=1e4)}
worst = {}


def saelens(path, x):
    from sae_lens import SAE
    sae = SAE.load_from_disk(path)
    heads = x.reshape(len(x), 3, -1) if sae.cfg.reshape_activations == "hook_z" else x
    acts = sae.encode(heads)
    y = sae.decode(acts).reshape(len(x), -1)
    skip = getattr(sae, "W_skip", None)
    if skip is not None:  # decode() knows nothing of it
        y = y + x @ skip.T
    assert torch.equal(sae(heads).reshape(len(x), -1), y), "forward() is something else"
    return acts, y


def sparsify(path, x):
    from sparsify import SparseCoder
    sae = SparseCoder.load_from_disk(path, device="cpu")
    top = sae.encode(x)
    acts = torch.zeros(len(x), sae.num_latents).scatter_(1, top.top_indices, top.top_acts)
    y = sae.decode(top.top_acts, top.top_indices)
    y = y if sae.W_skip is None else y + x @ sae.W_skip.mT
    assert torch.allclose(sae(x).sae_out, y, atol=1e-6), "forward() is something else"
    return acts, y


READ = {"saelens": saelens, "sparsify": sparsify}


def convert(path, target, out, *more):
    """None: refused, in one line, since the format has no way to say it."""
    r = subprocess.run([sys.argv[1], "convert", path, "--to", target, "--output", out, *more], capture_output=True,
                       text=True)
    assert r.returncode == 0 or ("can't express" in r.stderr and r.stderr.count("\n") == 1), r.stderr
    return out if r.returncode == 0 else None


def note(what, have, want):
    """The largest difference; latents are active where they were."""
    assert torch.equal(have[0] != 0, want[0] != 0), what
    far = max(float((h - w).abs().max() / (1 + w.abs().max())) for h, w in zip(have, want))
    assert far < 1e-5, (what, far)
    worst[what] = max(worst.get(what, 0), far)


def paths():
    for at, _, files in os.walk(df.OUT):
        for f in files:
            other = f in ("formats.safetensors", "activation_whitening.safetensors")
            if not other and os.path.splitext(f)[1] in (".safetensors", ".pt", ".pth", ".npz"):
                yield os.path.join(at, f)


def others():
    """The checkpoints of dict_formats.py."""
    gold = load_file(os.path.join(df.OUT, "formats.safetensors"))
    names = sorted({k.rsplit("/", 1)[0] for k in gold})
    read = 0
    for path in sorted(paths()):
        family = os.path.relpath(path, df.OUT).split("/")[0]
        for target, back in READ.items():
            with tempfile.TemporaryDirectory() as d:
                model = ["--model", os.path.join(d, "model")] if "L3TC" in path or "pt-transcoders" in path else []
                if model:
                    os.mkdir(model[1])
                    with open(model[1] + "/config.json", "w") as f:
                        json.dump(MODELS[family], f)
                out = convert(path, target, os.path.join(d, "out"), *model)
                if not out:
                    continue
                with torch.no_grad():
                    have = back(out, df.x_of())
                # the numbers of one of the family's cases
                close = [n for n in names if n.split("/")[0].startswith(family)
                         and gold[n + "/acts"].shape == have[0].shape
                         and torch.allclose(gold[n + "/acts"], have[0], atol=1e-5)
                         and torch.allclose(gold[n + "/x_hat"], have[1], atol=1e-5)]
                assert close, (path, target)
                note(f"{family} to {target}", have, (gold[close[0] + "/acts"], gold[close[0] + "/x_hat"]))
                read += 1
    print(read, "of the checkpoints read back")


def kinds():
    """Name, module and how it is saved, of every class that can be saved for inference."""
    from sae_lens import saes
    from sae_lens.saes import transcoder as tc
    from sae_lens.saes.sae import SAEMetadata
    from sparsify import SparseCoder
    from sparsify.config import SparseCoderConfig
    point = dict(df.META, hook_name="blocks.3.hook_mlp_out")
    points = dict(df.META, hook_name="blocks.3.mlp.hook_in", hook_name_out="blocks.3.hook_mlp_out")

    def lens(name, cls, cfg, meta, **kw):
        return f"saelens/{name}", cls(cfg(d_in=df.N, d_sae=df.M, metadata=SAEMetadata(**meta), **kw)), "save_model"

    for norm in ("none", "layer_norm", "constant_norm_rescale"):
        more = dict(normalize_activations=norm)
        end = "" if norm == "none" else "-" + norm
        yield lens("standard" + end, saes.StandardSAE, saes.StandardSAEConfig, point, **more)
        yield lens("jumprelu" + end, saes.JumpReLUSAE, saes.JumpReLUSAEConfig, point, **more)
        yield lens("gated" + end, saes.GatedSAE, saes.GatedSAEConfig, point, **more)
        yield lens("topk" + end, saes.TopKSAE, saes.TopKSAEConfig, point, k=5, **more)
        yield lens("abstopk" + end, saes.AbsTopKSAE, saes.AbsTopKSAEConfig, point, k=5, **more)
        for d_out in (df.N, 10):
            cut = f"-{d_out}{end}"
            more.update(apply_b_dec_to_input=False, d_out=d_out)
            yield lens("transcoder" + cut, tc.Transcoder, tc.TranscoderConfig, points, **more)
            yield lens("skip_transcoder" + cut, tc.SkipTranscoder, tc.SkipTranscoderConfig, points, **more)
            yield lens("jumprelu_transcoder" + cut, tc.JumpReLUTranscoder, tc.JumpReLUTranscoderConfig, points, **more)
            yield lens("jumprelu_skip_transcoder" + cut, tc.JumpReLUSkipTranscoder, tc.JumpReLUSkipTranscoderConfig,
                       points, **more)
    for activation, k in (("topk", 6), ("groupmax", 8)):
        for skip in (False, True):
            for transcode in (False, True):
                name = f"sparsify/{activation}{'-skip' * skip}{'-transcode' * transcode}"
                cfg = SparseCoderConfig(activation=activation, k=k, num_latents=df.M, skip_connection=skip,
                                        transcode=transcode)
                yield name, SparseCoder(df.N, cfg), "save_to_disk"


def saved(d):
    """What a package wrote of itself."""
    file = "sae_weights.safetensors" if os.path.exists(d + "/sae_weights.safetensors") else "sae.safetensors"
    with safe_open(os.path.join(d, file), "pt") as f:
        tensors = {k: list(f.get_slice(k).get_shape()) for k in sorted(f.keys())}
    with open(d + "/cfg.json") as f:
        config = json.load(f)
    config.pop("metadata", None)
    return {"file": file, "tensors": tensors, "config": config}


def there_and_back():
    golden, hops = {}, 0
    for seed, (name, module, save) in enumerate(kinds()):
        df.drawn(module, 200 + seed)
        family, kind = name.split("/")
        with tempfile.TemporaryDirectory() as d, torch.no_grad():
            at = os.path.join(d, "layers.3.mlp")
            os.makedirs(at)
            getattr(module, save)(at)
            want = READ[family](at, df.x_of())
            if "norm" not in kind:
                golden[name] = saved(at)
            own = convert(at, "glimt", d + "/own/layers.3.mlp")
            for target in READ:
                for source in (at, own):
                    out = convert(source, target, os.path.join(d, target, os.path.basename(os.path.dirname(source)),
                                                               "layers.3.mlp"))
                    assert out or target != family, (name, target)
                    if not out:
                        continue
                    note(f"{family} to {target}", READ[target](out, df.x_of()), want)
                    if target == family:
                        a, b = saved(at), saved(out)
                        assert a["tensors"] == b["tensors"], (name, a, b)
                        if target == "saelens":
                            with open(out + "/cfg.json") as f:
                                meta = json.load(f)["metadata"]
                            assert meta["hook_name"] == module.cfg.metadata.hook_name, name
                            assert meta.get("hook_name_out") == module.cfg.metadata.hook_name_out, name
                    hops += 1
    with open(GOLDEN, "w") as f:
        json.dump(golden, f, indent=1, sort_keys=True)
        f.write("\n")
    print(hops, "of the classes read back")


if __name__ == "__main__":
    others()
    there_and_back()
    for what, far in sorted(worst.items()):
        print(f"{what}: {far:.1e}")
