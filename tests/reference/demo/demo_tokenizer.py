"""Trains the demo model's byte-level BPE (GPT-NeoX form: NFC, GPT-2's pre-tokeniser) on both languages."""
import argparse, json
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, decoders, trainers, AddedToken

p = argparse.ArgumentParser()
p.add_argument("--corpus", nargs="+", required=True)
p.add_argument("--vocab", type=int, default=6144)
p.add_argument("--out", required=True)
a = p.parse_args()
t = Tokenizer(models.BPE())
t.normalizer = normalizers.NFC()
t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
t.decoder = decoders.ByteLevel()
t.train(a.corpus, trainers.BpeTrainer(
    vocab_size=a.vocab, special_tokens=[AddedToken("<|endoftext|>", special=True)],
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
t.save(a.out)
print(t.get_vocab_size(), [t.encode(s).tokens for s in
      ("Rådet skal nu formelt godkende Parlamentets holdning.", "The Council has to formally approve Parliament's position.")])
