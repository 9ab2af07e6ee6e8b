"""Weights that the C tests (tests/support/hash_weights.c) compute bit for bit alike: element i of a tensor is
k/1024 * 2**-exponent, -1024 <= k < 1024, from a hash of the tensor's name and i."""
import numpy as np


def key_of(name):
    h = 2166136261
    for b in name.encode():
        h = ((h ^ b) * 16777619) & 0xFFFFFFFF
    return h


def steps(name, n):
    """k of every element, int32 in [-1024, 1024)."""
    x = np.arange(n, dtype=np.uint32)
    x *= np.uint32(0x9E3779B1)
    x += np.uint32(key_of(name))
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x85EBCA6B)
    x ^= x >> np.uint32(13)
    x *= np.uint32(0xC2B2AE35)
    x ^= x >> np.uint32(16)
    x >>= np.uint32(21)
    return x.view(np.int32) - 1024


def uniform(name, shape, exponent, bf16=False):
    k = steps(name, int(np.prod(shape)))
    if bf16:
        k &= ~7
    return (k.astype(np.float32) * np.float32(2.0 ** (-10 - exponent))).reshape(shape)


def gamma(name, shape):
    return (1 + (steps(name, int(np.prod(shape))) >> 5).astype(np.float32) * np.float32(2.0**-7)).reshape(shape)


def weights_of(state_shapes, exponent, bf16=False):
    """{name: array} for a GPT-NeoX state dict given as {name: shape}."""
    out = {}
    for name, shape in state_shapes.items():
        if "norm" in name and name.endswith("weight"):
            out[name] = gamma(name, shape)
        else:
            out[name] = uniform(name, shape, 3 if name.endswith("bias") else exponent, bf16)
    return out
