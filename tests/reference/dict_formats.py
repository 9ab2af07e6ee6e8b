#!/usr/bin/env python3
"""Small SAE checkpoints of other people's formats, written and read by their own packages: tests/golden/dict/formats/
and, what these packages encode and decode, formats.safetensors in it.

    pip install torch==2.15.0 numpy safetensors sae-lens==6.54.12 eai-sparsify==1.3.3 dictionary-learning==0.1.0

Gemma Scope's, OpenAI's, Qwen Scope's, Goodfire's and lovis-heindrich's files come without a package that writes them:
these are their documented formulas in float64, held against SAELens' loaders where it has one.
    python tests/reference/dict_formats.py

Of each case CASE/acts [T, m] and CASE/x_hat [T, n] for the x of hash_weights.py."""
import json
import os
import shutil
import sys

import numpy as np
import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, os.path.dirname(__file__))
import hash_weights as hw  # noqa: E402

os.environ["SPARSIFY_DISABLE_TRITON"] = "1"

OUT = os.path.join(os.path.dirname(__file__), "..", "golden", "dict", "formats")
T, N, M = 9, 12, 40
found = {}


def x_of(n=N):
    return torch.from_numpy(hw.uniform("x", (T, n), 0).copy())


def drawn(module, seed):
    """The parameters of a module in random numbers, a sixteenth exact, so that half precision holds them too."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in module.named_parameters():
            scale = 0.5 if p.dim() > 1 else 0.25
            p.copy_(torch.round(torch.randn(p.shape, generator=g) * scale * 64) / 64)
            if "threshold" in name:
                p.abs_()
    return module


def folder(*name):
    path = os.path.join(OUT, *name)
    os.makedirs(path, exist_ok=True)
    return path


def config(path, **changes):
    """Changes a JSON in place; None drops an entry."""
    with open(path) as f:
        c = json.load(f)
    for k, v in changes.items():
        c[k] = v
        if v is None:
            del c[k]
    with open(path, "w") as f:
        json.dump(c, f, indent=1)


def half(path, dtype=torch.bfloat16):
    """The same tensors in half the bytes."""
    save_file({k: v.to(dtype) if v.dtype == torch.float32 else v for k, v in load_file(path).items()}, path)


# ---- SAELens
META = dict(model_name="pythia-70m-deduped", hook_name="blocks.3.hook_mlp_out", hook_head_index=None, prepend_bos=False,
            context_size=128)


def saelens_result(name, path):
    from sae_lens import SAE
    sae = SAE.load_from_disk(path, dtype="float32")  # of half precision what the values mean
    x = x_of()
    with torch.no_grad():
        acts = sae.encode(x)
        found[f"{name}/acts"] = acts
        found[f"{name}/x_hat"] = sae.decode(acts)


def saelens():
    from sae_lens import saes
    from sae_lens.saes.sae import SAEMetadata

    def make(name, cls, cfg, seed, dtype=None, **kw):
        torch.manual_seed(seed)
        sae = drawn(cls(cfg(d_in=N, d_sae=M, metadata=SAEMetadata(**META), **kw)), seed)
        path = folder("saelens", name)
        sae.save_model(path)
        config(os.path.join(path, "cfg.json"))
        if dtype:
            half(os.path.join(path, "sae_weights.safetensors"), dtype)
            config(os.path.join(path, "cfg.json"), dtype=str(dtype))
        return path

    def inference(name, cls, cfg, seed, checkpoint=False, after=None, **kw):
        """A training SAE: as it is saved for inference, and its checkpoint; both mean the same."""
        torch.manual_seed(seed)
        sae = drawn(cls(cfg(d_in=N, d_sae=M, metadata=SAEMetadata(**META), **kw)), seed)
        if after:
            after(sae)
        path = folder("saelens", name)
        sae.save_inference_model(path)
        config(os.path.join(path, "cfg.json"))
        saelens_result(f"saelens/{name}", path)
        if checkpoint:
            path = folder("saelens", name + "-checkpoint")
            sae.save_model(path)
            config(os.path.join(path, "cfg.json"))
            for what in ("acts", "x_hat"):
                found[f"saelens/{name}-checkpoint/{what}"] = found[f"saelens/{name}/{what}"].clone()

    S = "saelens/"
    saelens_result(S + "standard", make("standard", saes.StandardSAE, saes.StandardSAEConfig, 1))
    saelens_result(S + "jumprelu", make("jumprelu", saes.JumpReLUSAE, saes.JumpReLUSAEConfig, 2, apply_b_dec_to_input=False))
    saelens_result(S + "topk", make("topk", saes.TopKSAE, saes.TopKSAEConfig, 3, torch.float16, k=20))
    saelens_result(S + "topk-rescaled", make("topk-rescaled", saes.TopKSAE, saes.TopKSAEConfig, 4, k=5,
                                             rescale_acts_by_decoder_norm=True))
    saelens_result(S + "abstopk", make("abstopk", saes.AbsTopKSAE, saes.AbsTopKSAEConfig, 5, torch.bfloat16, k=6))
    saelens_result(S + "gated", make("gated", saes.GatedSAE, saes.GatedSAEConfig, 6, torch.bfloat16))

    # configurations of releases before 6, as their files have them
    path = make("old-standard", saes.StandardSAE, saes.StandardSAEConfig, 7)
    save_file({**load_file(path + "/sae_weights.safetensors"), "scaling_factor": torch.ones(M)},
              path + "/sae_weights.safetensors")
    with open(path + "/cfg.json", "w") as f:
        json.dump(dict(d_in=N, d_sae=M, model_name="gpt2-small", hook_point="blocks.2.hook_resid_pre", hook_point_layer=2,
                       hook_point_head_index=None, normalize_activations=None, dtype="torch.float32", device="cpu"), f,
                  indent=1)
    saelens_result(S + "old-standard", path)
    path = make("old-topk", saes.TopKSAE, saes.TopKSAEConfig, 8, torch.float16, k=5)
    with open(path + "/cfg.json", "w") as f:
        json.dump(dict(d_in=N, d_sae=M, model_name="gpt2-small", hook_name="blocks.2.hook_resid_pre", hook_layer=2,
                       activation_fn_str="topk", activation_fn_kwargs={"k": 5}, normalize_activations=False,
                       apply_b_dec_to_input=True, finetuning_scaling_factor=False, prepend_bos=False, dtype="float16",
                       sae_lens_training_version="3.11.0"), f, indent=1)
    saelens_result(S + "old-topk", path)

    # training SAEs
    inference("jumprelu-trained", saes.JumpReLUTrainingSAE, saes.JumpReLUTrainingSAEConfig, 9)
    path = folder("saelens", "jumprelu-log")  # a checkpoint from when the logarithm was stored
    weights = load_file(folder("saelens", "jumprelu-trained") + "/sae_weights.safetensors")
    weights["log_threshold"] = torch.log(weights.pop("threshold").clamp(min=1e-3))
    save_file(weights, path + "/sae_weights.safetensors")
    shutil.copy(folder("saelens", "jumprelu-trained") + "/cfg.json", path)
    weights["threshold"] = torch.exp(weights.pop("log_threshold"))
    as_saved = folder("saelens", "as-saved")
    save_file(weights, as_saved + "/sae_weights.safetensors")
    shutil.copy(path + "/cfg.json", as_saved)
    saelens_result(S + "jumprelu-log", as_saved)
    shutil.rmtree(as_saved)

    def threshold(sae):
        sae.topk_threshold = torch.tensor(0.4, dtype=torch.float64)

    inference("batchtopk", saes.BatchTopKTrainingSAE, saes.BatchTopKTrainingSAEConfig, 10, True, threshold, k=5,
              rescale_acts_by_decoder_norm=False)
    inference("batchtopk-rescaled", saes.BatchTopKTrainingSAE, saes.BatchTopKTrainingSAEConfig, 11, True, threshold, k=5,
              rescale_acts_by_decoder_norm=True)
    inference("matryoshka", saes.MatryoshkaBatchTopKTrainingSAE, saes.MatryoshkaBatchTopKTrainingSAEConfig, 12, True,
              threshold, k=5, matryoshka_widths=[10, 40])
    inference("topk-trained", saes.TopKTrainingSAE, saes.TopKTrainingSAEConfig, 13, True, k=5)


    # a checkpoint in units of a factor that is beside it, and the same folded by SAELens
    path = make("scaled-checkpoint", saes.StandardSAE, saes.StandardSAEConfig, 14,
                normalize_activations="expected_average_only_in")
    with open(path + "/activation_scaler.json", "w") as f:
        json.dump({"scaling_factor": 0.625, "has_whitening": False}, f)
    from sae_lens import SAE
    sae = SAE.load_from_disk(path)
    sae.fold_activation_norm_scaling_factor(0.625)
    x = x_of()
    with torch.no_grad():
        acts = sae.encode(x)
        found[S + "scaled-checkpoint/acts"] = acts
        found[S + "scaled-checkpoint/x_hat"] = sae.decode(acts)

    # norms of the input
    saelens_result(S + "layer-norm", make("layer-norm", saes.StandardSAE, saes.StandardSAEConfig, 15,
                                          normalize_activations="layer_norm"))
    saelens_result(S + "length-norm", make("length-norm", saes.JumpReLUSAE, saes.JumpReLUSAEConfig, 16,
                                           normalize_activations="constant_norm_rescale"))

    # checkpoints of whitened activations, and the same folded by SAELens
    def whitened(name, cls, cfg, seed, **kw):
        path = make(name, cls, cfg, seed, normalize_activations="covariance_whitening", **kw)
        g = torch.Generator().manual_seed(seed)
        w = {"mean": torch.randn(N, generator=g) / 4, "matrix": torch.eye(N) + torch.randn(N, N, generator=g) / 8}
        w["inverse_matrix"] = torch.linalg.inv(w["matrix"].double()).float().contiguous()
        save_file(w, path + "/activation_whitening.safetensors")
        with open(path + "/activation_scaler.json", "w") as f:
            json.dump({"scaling_factor": None, "has_whitening": True}, f)
        sae = SAE.load_from_disk(path)
        sae.fold_activation_whitening(w["mean"], w["matrix"], w["inverse_matrix"])
        with torch.no_grad():
            acts = sae.encode(x_of())
            found[f"saelens/{name}/acts"], found[f"saelens/{name}/x_hat"] = acts, sae.decode(acts)

    whitened("whitened-checkpoint", saes.GatedSAE, saes.GatedSAEConfig, 17, apply_b_dec_to_input=False)
    whitened("whitened-topk-checkpoint", saes.TopKSAE, saes.TopKSAEConfig, 18, k=5, rescale_acts_by_decoder_norm=True)

    # transcoders; what they give is narrower than what they read
    from sae_lens.saes import transcoder as tc

    def transcoder(name, cls, cfg, seed, **kw):
        meta = dict(META, hook_name="blocks.3.mlp.hook_in", hook_name_out="blocks.3.hook_mlp_out")
        torch.manual_seed(seed)
        sae = drawn(cls(cfg(d_in=N, d_out=10, d_sae=M, metadata=SAEMetadata(**meta), apply_b_dec_to_input=False, **kw)),
                    seed)
        path = folder("saelens", name)
        sae.save_model(path)
        sae = SAE.load_from_disk(path)
        with torch.no_grad():
            x = x_of()
            found[f"saelens/{name}/acts"], found[f"saelens/{name}/x_hat"] = sae.encode(x), sae(x)

    transcoder("transcoder", tc.Transcoder, tc.TranscoderConfig, 19)
    transcoder("skip-transcoder", tc.SkipTranscoder, tc.SkipTranscoderConfig, 20, normalize_activations="layer_norm")
    transcoder("jumprelu-skip-transcoder", tc.JumpReLUSkipTranscoder, tc.JumpReLUSkipTranscoderConfig, 21)

    # Llama Scope's, which SAELens reads and folds
    from sae_lens.loading import pretrained_sae_loaders as loaders
    rng = np.random.default_rng(22)

    def part(*shape, scale=0.5):
        return torch.from_numpy(np.round(rng.standard_normal(shape) * scale * 64).astype(np.float32) / 64)

    name = "Llama3_1-8B-Base-L3R-8x"
    path = folder("llama", name)
    save_file({"encoder.weight": part(M, N), "encoder.bias": part(M, scale=0.25), "decoder.weight": part(N, M),
               "decoder.bias": part(N)}, folder("llama", name, "checkpoints") + "/final.safetensors")
    norms = {"in": 2.5, "out": 2.5}
    with open(path + "/hyperparams.json", "w") as f:
        json.dump(dict(hook_point_in="blocks.3.hook_resid_post", hook_point_out="blocks.3.hook_resid_post", d_model=N,
                       d_sae=M, expansion_factor=8, act_fn="jumprelu", jump_relu_threshold=0.625,
                       dataset_average_activation_norm=norms, norm_activation="dataset-wise", use_decoder_bias=True), f,
                  indent=1)
    loaders.hf_hub_download = lambda repo_id, filename, subfolder=None, force_download=False: os.path.join(
        OUT, "llama", subfolder or "", filename)
    cfg, state, _ = loaders.llama_scope_sae_huggingface_loader("fnlp/any", name, cfg_overrides={"dtype": "float32"})
    with torch.no_grad():
        sae = saes.JumpReLUSAE(saes.JumpReLUSAEConfig(d_in=N, d_sae=M, apply_b_dec_to_input=False))
        for k, v in state.items():
            getattr(sae, k).copy_(v)
        sae.fold_activation_norm_scaling_factor(N ** 0.5 / norms["in"])
        acts = sae.encode(x_of())
        found["llama/acts"], found["llama/x_hat"] = acts, sae.decode(acts)


# ---- sparsify
def sparsify():
    from sparsify import SparseCoder
    from sparsify.config import SparseCoderConfig

    def make(name, path, seed, **kw):
        sae = drawn(SparseCoder(N, SparseCoderConfig(normalize_decoder=False, **kw)), seed)
        path = folder("sparsify", *path.split("/"))
        sae.save_to_disk(path)
        sae = SparseCoder.load_from_disk(path, device="cpu")
        x = x_of()
        with torch.no_grad():
            top = sae.encode(x)
            acts = torch.zeros(T, M if not kw.get("expansion_factor") else N * kw["expansion_factor"])
            acts.scatter_(1, top.top_indices, top.top_acts)
            y = sae.decode(top.top_acts, top.top_indices)
            if sae.W_skip is not None:
                y = y + x @ sae.W_skip.mT
        found[f"sparsify/{name}/acts"], found[f"sparsify/{name}/x_hat"] = acts, y

    make("topk", "layers.3.mlp", 21, num_latents=M, k=20)
    make("multi", "seeds/layers.2/seed1", 22, num_latents=M, k=4, multi_topk=True)
    make("groupmax", "groupmax/embed_in", 23, expansion_factor=3, k=9, activation="groupmax")
    make("skip", "skip/layers.1", 24, num_latents=M, k=6, skip_connection=True)
    make("transcode", "transcode/layers.2.mlp", 25, num_latents=M, k=6, skip_connection=True, transcode=True)


# ---- dictionary_learning
def dictionary_learning():
    from dictionary_learning import dictionary as d
    from dictionary_learning.trainers.batch_top_k import BatchTopKSAE
    from dictionary_learning.trainers.matryoshka_batch_top_k import MatryoshkaBatchTopKSAE
    from dictionary_learning.trainers.top_k import AutoEncoderTopK

    def make(path, name, sae, seed, threshold=None, says=True, **kw):
        drawn(sae, seed)
        if threshold is not None:
            sae.threshold.copy_(torch.tensor(threshold))
        path = os.path.join(folder("dictionary_learning", *os.path.dirname(path).split("/")), os.path.basename(path))
        torch.save(sae.state_dict(), path)
        if says:
            up = os.path.dirname(path)
            up = os.path.dirname(up) if up.endswith("checkpoints") else up
            with open(up + "/config.json", "w") as f:
                json.dump({"trainer": dict(dict_class=type(sae).__name__, activation_dim=N, dict_size=M, layer=3,
                                           lm_name="EleutherAI/pythia-70m-deduped", submodule_name="resid_post_layer_3",
                                           **kw), "buffer": {"ctx_len": 128}}, f, indent=1)
        with torch.no_grad():
            read = type(sae).from_pretrained(path, **({"normalize_decoder": True} if type(sae) is d.AutoEncoder else {}))
            acts = read.encode(x_of())
            found[f"dictionary_learning/{name}/acts"] = acts
            found[f"dictionary_learning/{name}/x_hat"] = read.decode(acts)
        return path

    make("relu/ae.pt", "relu", d.AutoEncoder(N, M), 31)
    make("flat/mlp_out_layer2/10_40/ae.pt", "flat", d.AutoEncoder(N, M), 32, says=False)
    make("new/ae.pt", "new", d.AutoEncoderNew(N, M), 33)
    make("gated/ae.pt", "gated", d.GatedAutoEncoder(N, M), 34)
    make("topk/ae.pt", "topk", AutoEncoderTopK(N, M, 5), 35, k=7)  # the tensor wins
    make("batchtopk/ae.pt", "batchtopk", BatchTopKSAE(N, M, 5), 36, 0.375, k=5)
    make("batchtopk-unset/checkpoints/ae_100.pt", "batchtopk-unset", BatchTopKSAE(N, M, 5), 37, -1.0, k=5)
    make("matryoshka/ae.pt", "matryoshka", MatryoshkaBatchTopKSAE(N, M, 5, [10, 30]), 38, 0.25, k=5)
    make("jumprelu/ae.pt", "jumprelu", d.JumpReluAutoEncoder(N, M), 39)

    # what training left of itself: normalised units, and the factor
    sae = drawn(BatchTopKSAE(N, M, 5), 40)
    sae.threshold.copy_(torch.tensor(0.25))
    path = folder("dictionary_learning", "backup") + "/ae.pt"
    torch.save({"step": 100, "ae": sae.state_dict(), "config": {"k": 5, "dict_class": "BatchTopKSAE"}, "norm_factor": 1.5},
               path)
    with open(os.path.dirname(path) + "/config.json", "w") as f:
        json.dump({"trainer": dict(dict_class="BatchTopKSAE", layer=3, submodule_name="mlp_out", k=5)}, f)
    with torch.no_grad():
        sae.scale_biases(1.5)
        acts = sae.encode(x_of())
        found["dictionary_learning/backup/acts"] = acts
        found["dictionary_learning/backup/x_hat"] = sae.decode(acts)


# ---- by their formulas
def random(seed, *shape, scale=0.5):
    return np.round(np.random.default_rng(seed).standard_normal(shape) * scale * 64).astype(np.float32) / 64


def formulas():
    x = x_of().double().numpy()

    def result(name, acts, x_hat):
        found[f"{name}/acts"], found[f"{name}/x_hat"] = torch.from_numpy(acts), torch.from_numpy(x_hat)

    def jump(a, scale=1.0):
        p = (x * scale) @ a["w_enc"].astype(float) + a["b_enc"]
        f = np.where(p > a["threshold"], np.maximum(p, 0), 0)
        return f, f @ (a["w_dec"].astype(float) / scale) + a["b_dec"]

    def gemma(seed):
        return dict(w_enc=random(seed, N, M), b_enc=random(seed + 1, M, scale=0.25), w_dec=random(seed + 2, M, N),
                    b_dec=random(seed + 3, N), threshold=np.abs(random(seed + 4, M)))

    for name, seed, save in (("gemma-scope-2b-pt-mlp/layer_3/width_16k/average_l0_7", 51, np.savez),
                             ("gemma-scope-2b-pt-res/layer_2/width_16k/average_l0_9", 61, np.savez_compressed),
                             ("gemma-scope-2b-pt-res/embedding/width_4k/average_l0_6", 71, np.savez_compressed)):
        a = gemma(seed)
        save(folder("gemma", *name.split("/")) + "/params.npz", **a)
        result("gemma/" + name, *jump(a, 1 / np.sqrt(N) if "embedding" in name else 1.0))
    a = gemma(81)
    path = folder("gemma", "gemma-scope-2", "layer_5_width_16k")
    save_file({k: torch.from_numpy(v) for k, v in a.items()}, path + "/params.safetensors")
    with open(path + "/config.json", "w") as f:
        json.dump(dict(architecture="jump_relu", model_name="google/gemma-3-1b-pt", affine_connection=False,
                       hf_hook_point_in="model.layers.5.output", hf_hook_point_out="model.layers.5.output"), f, indent=1)
    result("gemma/gemma-scope-2", *jump(a))

    def state(name, s):
        path = os.path.join(folder(*os.path.dirname(name).split("/")), os.path.basename(name))
        torch.save({k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in s.items()}, path)

    # OpenAI's: tied, and not
    for name, seed, tied in (("openai/relu.pt", 91, False), ("openai/tied.pt", 95, True)):
        s = {"pre_bias": random(seed, N), "encoder.weight": random(seed + 1, M, N), "latent_bias": random(seed + 2, M)}
        d = s["encoder.weight"] if tied else random(seed + 3, N, M).T
        s["decoder.linear.weight" if tied else "decoder.weight"] = np.ascontiguousarray(d if tied else d.T)
        s["stats_last_nonzero"] = np.zeros(M, np.int64)
        state(name, {**s, "activation": "ReLU", "activation_state_dict": {}})
        f = np.maximum((x - s["pre_bias"]) @ s["encoder.weight"].T.astype(float) + s["latent_bias"], 0)
        result(name, f, f @ d.astype(float) + s["pre_bias"])

    for name, seed, act in (("openai/topk.pt", 111, "Identity"), ("openai/topk-relu.pt", 115, "ReLU")):
        s = {"pre_bias": random(seed, N), "encoder.weight": random(seed + 1, M, N), "latent_bias": random(seed + 2, M),
             "decoder.weight": random(seed + 3, N, M)}
        state(name, {**s, "activation": "TopK", "activation_state_dict": {"k": 25, "postact_fn": act}})
        mean, deviation = x.mean(-1, keepdims=True), x.std(-1, ddof=1, keepdims=True)
        p = ((x - mean) / (deviation + 1e-5) - s["pre_bias"]) @ s["encoder.weight"].T.astype(float) + s["latent_bias"]
        f = np.where(p >= np.sort(p, -1)[:, -25:-24], np.maximum(p, 0) if act == "ReLU" else p, 0)
        result(name, f, (f @ s["decoder.weight"].T.astype(float) + s["pre_bias"]) * deviation + mean)

    # Gemma Scope 2: a transcoder with a skip connection
    a = gemma(121)
    a["affine_skip_connection"] = random(126, N, N)
    path = folder("gemma", "gemma-scope-2", "transcoder", "layer_5_width_16k")
    save_file({k: torch.from_numpy(v) for k, v in a.items()}, path + "/params.safetensors")
    with open(path + "/config.json", "w") as f:
        json.dump(dict(architecture="jump_relu", model_name="google/gemma-3-1b-pt", affine_connection=True,
                       hf_hook_point_in="model.layers.5.pre_feedforward_layernorm.output",
                       hf_hook_point_out="model.layers.5.post_feedforward_layernorm.output"), f, indent=1)
    f, y = jump(a)
    result("gemma/transcoder", f, y + x @ a["affine_skip_connection"].astype(float))

    # the first one's, which reads in front of the norm's gain; and one without a configuration
    name = "gemma-scope-2b-pt-transcoders/layer_4/width_16k/average_l0_8"
    a = gemma(131)
    np.savez(folder("gemma", *name.split("/")) + "/params.npz", **a)
    result("gemma/" + name, *jump(a))
    a = gemma(136)
    path = folder("gemma", "gemma-scope-2", "transcoder_all", "layer_5_width_16k_l0_small")
    save_file({k: torch.from_numpy(v) for k, v in a.items()}, path + "/params.safetensors")
    result("gemma/transcoder-alone", *jump(a))

    # Llama Scope's: two points, each scaled by its own average length
    path = folder("llama", "Llama3_1-8B-Base-L3TC-8x")
    a = {"encoder.weight": random(141, M, N), "encoder.bias": random(142, M, scale=0.25),
         "decoder.weight": random(143, N, M), "decoder.bias": random(144, N)}
    save_file({k: torch.from_numpy(v) for k, v in a.items()},
              folder("llama", "Llama3_1-8B-Base-L3TC-8x", "checkpoints") + "/final.safetensors")
    with open(path + "/hyperparams.json", "w") as f:
        json.dump(dict(hook_point_in="blocks.3.ln2.hook_normalized", hook_point_out="blocks.3.hook_mlp_out", d_model=N,
                       d_sae=M, expansion_factor=8, act_fn="jumprelu", jump_relu_threshold=0.375,
                       dataset_average_activation_norm={"in": 2.5, "out": 0.75}, norm_activation="dataset-wise"), f,
                  indent=1)
    reads, gives = np.sqrt(N) / 2.5, np.sqrt(N) / 0.75
    p = reads * x @ a["encoder.weight"].T.astype(float) + a["encoder.bias"]
    f = np.where(p > 0.375 * reads, np.maximum(p, 0), 0)
    result("llama-transcoder", f, (f @ a["decoder.weight"].T.astype(float) + a["decoder.bias"]) / gives)

    # Goodfire's, and one of attention's z with a configuration beside it
    s = {"encoder_linear.weight": random(161, M, N), "encoder_linear.bias": random(162, M, scale=0.25),
         "decoder_linear.weight": random(163, N, M), "decoder_linear.bias": random(164, N)}
    state("goodfire/Llama-3.1-8B-Instruct-SAE-l19.pth", s)
    f = np.maximum(x @ s["encoder_linear.weight"].T.astype(float) + s["encoder_linear.bias"], 0)
    result("goodfire", f, f @ s["decoder_linear.weight"].T.astype(float) + s["decoder_linear.bias"])
    s = {"W_enc": random(165, N, M), "W_dec": random(166, M, N), "b_enc": random(167, M), "b_dec": random(168, N)}
    state("heindrich/gpt2-small_L2_Hcat_z_v4.pt", s)
    with open(os.path.join(OUT, "heindrich", "gpt2-small_L2_Hcat_z_v4_cfg.json"), "w") as f:
        json.dump(dict(act_name="blocks.2.attn.hook_z", act_size=N, dict_size=M, model_name="gpt2-small", l1_coeff=1.1), f,
                  indent=1)
    f = np.maximum((x - s["b_dec"]) @ s["W_enc"].astype(float) + s["b_enc"], 0)
    result("heindrich/z", f, f @ s["W_dec"].astype(float) + s["b_dec"])

    # circuit-tracer's transcoders
    a = {"W_enc": random(151, M, N), "W_dec": random(152, M, N), "b_enc": random(153, M), "b_dec": random(154, N)}
    save_file({k: torch.from_numpy(v) for k, v in a.items()}, folder("tracer") + "/layer_3.safetensors")
    f = np.maximum(x @ a["W_enc"].T.astype(float) + a["b_enc"], 0)
    result("tracer", f, f @ a["W_dec"].astype(float) + a["b_dec"])

    # the same four names, each its own way
    s = {"W_enc": random(101, M, N), "W_dec": random(102, N, M), "b_enc": random(103, M), "b_dec": random(104, N)}
    state("qwen/SAE-Res-Qwen3-1.7B-Base-W32K-L0_6/layer3.sae.pt", s)
    p = x @ s["W_enc"].T.astype(float) + s["b_enc"]
    f = np.where(p >= np.sort(p, -1)[:, -6:-5], np.maximum(p, 0), 0)
    result("qwen", f, f @ s["W_dec"].T.astype(float) + s["b_dec"])
    s = {"W_enc": random(105, N, M), "W_dec": random(106, M, N), "b_enc": random(107, M), "b_dec": random(108, N)}
    state("heindrich/relu.pt", s)
    f = np.maximum((x - s["b_dec"]) @ s["W_enc"].astype(float) + s["b_enc"], 0)
    result("heindrich", f, f @ s["W_dec"].astype(float) + s["b_dec"])


def loaders():
    """SAELens has loaders of its own for most of what was written by its formula: they say the same."""
    from sae_lens import saes
    from sae_lens.loading import pretrained_sae_loaders as ld
    from sae_lens.saes import transcoder as tc

    def of(part):
        """The folder of formats.safetensors' case, whatever repository is asked for."""
        def download(repo_id, filename, subfolder=None, force_download=False, revision=None):
            path = os.path.join(OUT, part, subfolder or "", filename)
            if not os.path.exists(path):
                raise ld.EntryNotFoundError(filename)
            return path
        ld.hf_hub_download = download
        ld.get_safetensors_tensor_shapes = lambda repo, name: {
            k: list(v.shape) for k, v in load_file(os.path.join(OUT, part, name)).items()}

    def check(case, cls, cfg, state, hook=None, **kw):
        c, tensors, _ = state
        sae = cls(cfg(d_in=N, d_sae=M, apply_b_dec_to_input=c.get("apply_b_dec_to_input", True), **kw))
        with torch.no_grad():
            sae.load_state_dict({k: v.float() for k, v in tensors.items()})
            acts, y = sae.encode(x_of()), sae(x_of())
        assert torch.allclose(acts.double(), found[case + "/acts"].double(), atol=1e-5), case
        assert torch.allclose(y.double(), found[case + "/x_hat"].double(), atol=1e-5), case
        return c

    JUMP, TRANS = (saes.JumpReLUSAE, saes.JumpReLUSAEConfig), (tc.JumpReLUTranscoder, tc.JumpReLUTranscoderConfig)
    SKIP = tc.JumpReLUSkipTranscoder, tc.JumpReLUSkipTranscoderConfig
    for repo, folder_name in (("gemma-scope-2b-pt-mlp", "layer_3/width_16k/average_l0_7"),
                              ("gemma-scope-2b-pt-res", "layer_2/width_16k/average_l0_9"),
                              ("gemma-scope-2b-pt-res", "embedding/width_4k/average_l0_6")):
        of("gemma/" + repo)
        check(f"gemma/{repo}/{folder_name}", *JUMP,
              ld.gemma_2_sae_huggingface_loader("google/" + repo, folder_name, cfg_overrides={"d_in": N}))
    repo, folder_name = "gemma-scope-2b-pt-transcoders", "layer_4/width_16k/average_l0_8"
    of("gemma/" + repo)
    check(f"gemma/{repo}/{folder_name}", *TRANS, ld.gemma_2_transcoder_huggingface_loader("google/" + repo, folder_name),
          d_out=N)
    of("gemma/gemma-scope-2")
    for case, folder_name, kind, more in (("transcoder", "transcoder/layer_5_width_16k", SKIP, dict(d_out=N)),
                                          ("transcoder-alone", "transcoder_all/layer_5_width_16k_l0_small", TRANS,
                                           dict(d_out=N))):
        check("gemma/" + case, *kind, ld.gemma_3_sae_huggingface_loader("google/gemma-scope-2-1b-pt", folder_name), **more)
    of("qwen/SAE-Res-Qwen3-1.7B-Base-W32K-L0_6")
    check("qwen", saes.TopKSAE, saes.TopKSAEConfig,
          ld.qwen_scope_sae_huggingface_loader("Qwen/SAE-Res-Qwen3-1.7B-Base-W32K-L0_6", "layer3.sae.pt"), k=6)
    of("goodfire")
    c = check("goodfire", saes.StandardSAE, saes.StandardSAEConfig, ld.get_goodfire_huggingface_loader(
        "Goodfire/Llama-3.1-8B-Instruct-SAE-l19", "Llama-3.1-8B-Instruct-SAE-l19.pth"))
    assert c["hook_name"] == "blocks.19.hook_resid_post"
    of("heindrich")
    c = check("heindrich/z", saes.StandardSAE, saes.StandardSAEConfig,
              ld.connor_rob_hook_z_huggingface_loader("ckkissane/any", "gpt2-small_L2_Hcat_z_v4.pt"))
    assert c["hook_name"] == "blocks.2.attn.hook_z"

    # a later layout of Llama Scope's, whose numbers are the loader's
    name = "llama/800M-Slimpajama-0-OpenR1-Math-220k/L3R"
    path = folder(*name.split("/"))
    a = {"encoder.weight": random(171, M, N), "encoder.bias": random(172, M, scale=0.25),
         "decoder.weight": random(173, N, M), "decoder.bias": random(174, N), "log_jumprelu_threshold": random(175, M)}
    save_file({k: torch.from_numpy(v) for k, v in a.items()}, path + "/sae_weights.safetensors")
    with open(path + "/config.json", "w") as f:
        json.dump(dict(sae_type="sae", hook_point_in="blocks.3.hook_resid_post", hook_point_out="blocks.3.hook_resid_post",
                       d_model=N, expansion_factor=8, act_fn="jumprelu", norm_activation="inference"), f, indent=1)
    of("llama")
    c, tensors, _ = ld.llama_scope_r1_distill_sae_huggingface_loader("fnlp/any", name[6:])
    sae = saes.JumpReLUSAE(saes.JumpReLUSAEConfig(d_in=N, d_sae=M, apply_b_dec_to_input=c["apply_b_dec_to_input"]))
    with torch.no_grad():
        sae.load_state_dict(tensors)
        found["llama-later/acts"] = sae.encode(x_of())
        found["llama-later/x_hat"] = sae.decode(found["llama-later/acts"])


if __name__ == "__main__":
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    saelens()
    sparsify()
    dictionary_learning()
    formulas()
    loaders()
    save_file({k: v.detach().float().contiguous() for k, v in found.items()}, os.path.join(OUT, "formats.safetensors"))
