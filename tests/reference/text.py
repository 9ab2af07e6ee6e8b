#!/usr/bin/env python3
"""Writes tests/golden/text/: a small tokenizer, inputs, and what the `tokenizers` library makes of them.

Needs: pip install tokenizers==0.23.3
Use:   GLIMT_TEST_DATA=… python3 tests/reference/text.py      (from the repository root; seconds)

inputs.txt       one input a line, its bytes in hex
NAME.txt         for each input: ids with special tokens as text; '|'; '=' or the ids with special tokens matched;
                 '|'; start:end of each token in bytes of the input, widened to whole characters, or '-' where
                 NFC or a repair changed the input or the library's own offsets are not those of the bytes
variants.json    changes to the small tokenizer's file, NAME → what its keys are replaced by
characters.json  a small tokenizer of characters with bytes for the others, as SentencePiece has them
families.json    NAME → the file that it changes ("of") and what its keys are replaced by, keys of its model one by one
families.txt     inputs of these, as in inputs.txt
"""
import copy
import json
import os
import random
import unicodedata

import tokenizers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

assert tokenizers.__version__ == "0.23.3"
OUT = "tests/golden/text"
DATA = os.environ.get("GLIMT_TEST_DATA", "../shared/data")

TEXT = """
Der gik en mand langs åen, og han så en ål, der svømmede under broen.
Bageren åbner klokken syv, men rugbrødet er først færdigt, når solen er oppe.
Vi spiste rødgrød med fløde på verandaen, mens regnen trommede på taget.
Hun spurgte, om toget til Ærø kørte på søndage; det gør det ikke, for øen har ingen skinner.
Børnene løb ned ad bakken, råbte og lo, og den ældste faldt i græsset.
Hvad koster de blå støvler? Tolv kroner, sagde købmanden, og så lo han højt.
Det blev mørkt tidligt, og vi tændte lys i alle vinduerne.
Skibet lå stille i havnen, og måger sad på rælingen og ventede på fisk.
Kan du huske, hvor nøglen ligger? Den ligger under den grå sten ved lågen.
Når man går længe nok, kommer man altid til vand i det her land.
A man walked along the river and saw an eel that swam below the bridge.
The baker opens at seven, but the bread isn't ready before the sun is up.
We ate our porridge on the porch while the rain was drumming on the roof.
She asked whether the train went to the island on Sundays; it doesn't, there're no rails.
The children ran down the hill, shouting and laughing, and the eldest fell into the grass.
What do the blue boots cost? Twelve, said the shopkeeper, and then he laughed out loud.
It got dark early, and we lit candles in all of the windows.
The ship lay still in the harbour, and gulls sat on the rail and waited for fish.
Can you remember where they've hidden the key? It's under the grey stone by the gate.
If you'd walk for long enough, you'll always come to water in this country.
"""

ODD = [
    "", " ", "  ", "   ", "\n", "\n\n", "\t x", "a\n\nb", "a \n b", "\r\n", "a\r\n\r\n  b", "  a   b    c     d",
    " " * 24 + "x", " " * 23 + "\n", " " * 50, "x" + " " * 9, "\u00a0\u00a0x", "a\u3000b", "a\u2003\u2003b", "a\u0085b",
    "it's", "IT'S", "they'll we've I'd you're I'm can't", "''s", "'", "'r", "'re", "'rex", " 's", "x's'd'll", "x\u2019s",
    "1234567890", "a1b2", "½ ⅓ ² ³", "Ⅷ", "٣٤٥", "$1,234.50!", "?!?!", "... ---", "a_b_c", "C'est-à-dire",
    "\x00\x01\x7f",
    "<|endoftext|>", "a<|endoftext|>b", "a <|endoftext|>  b", "<|endoftext|><|endoftext|>",
    "<|endoftext", "<|padding|> x",
    "æøå ÆØÅ", "blåbærgrød", "ae\u0301", "e\u0301", "\u0301e", "e\u0323\u0301", "e\u0301\u0323", "a\u030a", "A\u030a",
    "o\u0338 \u00f8", "\u212b", "\u2126", "\u037e", "\u1fef", "\u0344", "\u0958", "\u2adc", "\u0f73", "\u0f71\u0f72",
    "\uf900", "\ufb1d", "\u0340\u0341", "=\u0338", "<\u0338", "\u1100\u1161\u11a8", "\uac00\u11a8", "\uac01\u11a8",
    "\uac00\u11a7", "\u1100\u1161\u11a7", "한국어", "日本語のテキスト", "か\u3099は\u309a", "中文，句子。",
    "ไทย", "हिन्दी", "Ελληνικά",
    "Русский язык", "עברית", "العربية", "👍🏽👨‍👩‍👧🇩🇰", "😀 😀",
    "\ufeffx", "a\u200db", "\u200b", "\ufffd", "\U0010ffff", "\ue000",
    "\U0001d15e", "\U00011935\U00011930", "\U00011938", "\U00016ff0\u0301", "e\u1dfa\u0301", "\u0915\u094d\u0937",
    "a\u0315\u0301\u0334", "e" + "\u0301\u0323\u0315\u0334" * 20, "\u1bc9e\u0301", "x" * 90, "ab" * 60, "the" * 40,
    "\t \t \n\t x", "a \n \n\n b\n", "\n\t\n \n   \t \r",
    "qz aqz qz1 1qz. (qz) qzé _qz qz\u0301",
    "  \u0301", " \u0301x", "\n\u0301", "\u0301\u0301 \u0323", "a  \u0301", "Ǆǅǆ", "ﬁ", "ß", "İi̇",
    "①②", "〇", "ⅷ", "ªº", "µ",
]


def inputs():
    rng = random.Random(20240531)
    lines = [l for l in TEXT.split("\n") if l]
    out = [s.encode() for s in ODD + lines]
    out += [unicodedata.normalize("NFD", l).encode() for l in lines[:8]]
    out += ["\n".join(lines[8:13]).encode(), "\r\n\t".join(lines[3:6]).encode()]
    letters = list("aeo'sdtrvmlAÆØÅæøåéü019 .,!?-\n\t  ")
    letters += ["\u0301", "\u030a", "\u0323", "\u0338", "👍", "日", "\u1161", "\u1100"]
    for _ in range(90):
        out.append("".join(rng.choice(letters) for _ in range(rng.randrange(1, 40))).encode())
    marks = [chr(c) for c in range(0x300, 0x1F000) if unicodedata.combining(chr(c))]
    bases = [chr(c) for c in range(0xA0, 0x2FA1E) if unicodedata.decomposition(chr(c)) and chr(c).isprintable()]
    for _ in range(60):
        out.append("".join(rng.choice(bases) + "".join(rng.choice(marks) for _ in range(rng.randrange(4)))
                           for _ in range(rng.randrange(1, 8))).encode())
    for _ in range(40):
        any_char = lambda: chr(rng.choice(
            [rng.randrange(0xD800), rng.randrange(0xE000, 0x20000), rng.randrange(0xE000, 0x110000)]))
        out.append("".join(any_char() for _ in range(rng.randrange(1, 20))).encode())
    for _ in range(50):
        any_byte = lambda: rng.choice([rng.randrange(256), rng.randrange(0x80, 0x100), 0x20, 0x61])
        out.append(bytes(any_byte() for _ in range(rng.randrange(1, 24))))
    whole = "blåbær 日本 👍🏽 é".encode()
    for _ in range(40):
        b = bytearray(whole)
        for _ in range(rng.randrange(1, 4)):
            i = rng.randrange(len(b))
            new = bytes([rng.choice([0xC3, 0xE2, 0xF0, 0x9F, 0xED, 0xA0, 0xC0, 0xF5, 0xFF, 0x20])][:rng.randrange(2)])
            b[i:i + rng.randrange(3)] = new
        out.append(bytes(b))
    return out


def small_tokenizer():
    t = Tokenizer(models.BPE())
    t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(TEXT.split("\n") * 3, trainers.BpeTrainer(
        vocab_size=640, show_progress=False, special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    t.add_tokens([AddedToken(" " * n, normalized=True) for n in range(8, 1, -1)])
    return json.loads(t.to_str())


def added(content, id=0, **flags):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": False} | flags


def variants():
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    gpt2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    return {
        "plain": {"normalizer": None, "added_tokens": []},
        "prefix": {"pre_tokenizer": byte_level | {"add_prefix_space": True}},
        "whole": {"pre_tokenizer": byte_level | {"use_regex": False}},
        "sequence": {
            "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}]},
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": gpt2}, "behavior": "Isolated", "invert": False},
                byte_level | {"use_regex": False}]},
        },
        "added": {"added_tokens": [
            added("<|endoftext|>", 0, special=True), added("the", lstrip=True), added("og", rstrip=True),
            added("en", single_word=True), added("å", normalized=True), added("e\u0301", normalized=True),
            added("s'", normalized=True, rstrip=True), added("  "), added("a"),
            added(" r\u00f8d", lstrip=True, rstrip=True),
            added("ab"), added("abab"), added("😀", special=True, rstrip=True),
            added(" x ", special=True, normalized=True),
            added("qz", single_word=True), added("\t", lstrip=True, rstrip=True), added("\n", rstrip=True),
        ]},
    }


def spans(text, encoding):
    """Character offsets to bytes of UTF-8."""
    at = [0]
    for ch in text:
        at.append(at[-1] + len(ch.encode()))
    return " ".join(f"{at[a]}:{at[b]}" for a, b in encoding.offsets) or "."


def write(name, tokenizer, texts, with_spans=True):
    tokenizer.post_processor = None  # its offsets leave out spaces
    with open(f"{OUT}/{name}.txt", "w") as f:
        for raw in texts:
            s = raw.decode("utf-8", "replace")
            tokenizer.encode_special_tokens = True
            e = tokenizer.encode(s)
            tokenizer.encode_special_tokens = False
            ids, special = (" ".join(map(str, x.ids)) or "." for x in (e, tokenizer.encode(s)))
            same = s.encode() == raw and normalizers.NFC().normalize_str(s) == s
            where = spans(s, e) if same and with_spans else "-"
            f.write(f"{ids}|{'=' if special == ids else special}|{where}\n")


MARK = "\u2581"
EXTRA = [
    MARK, MARK * 2, f"a{MARK}b", f"{MARK}a", f" {MARK} ", f"a{MARK} {MARK}b", f"e{MARK}\u0301", f"{MARK}\u0323\u0301x",
    " a", "  a", "a ", "a  ", "   ", "a   b", "<s>", "a<s>b", "a <s> b", "<s>a</s>", "</s>  x", "<unk>", "<0x41>", "<0xE2>",
    "\U0001f600", "x\U0001f600\U0001f600y", "\u4e2d", "\x00", "\ufffd", "\n", "\n\n\n", "a\n\nb", "\t\ta", "\r\n x",
    "'\u017f", "'\u017fa", "'S", "'LL", "'Ll", "'lL x", "'L", "'RE", "'rE", "'VE'd'T", "O'REILLY'S", "'\u017f\u017f", "don'tx",
    "1", "12", "123", "1234", "12345", "123456 7", "a1234b", "\u0663\u0664\u0665\u0666", " 12", "  12", "\t12", "1\n2",
    "!a", "(a", " (a", "  (a", "\ta", "\u00a0a", "\u3000a b", "\na", "\r\na", " \na", "a \n b", "a\t\n\tb", "a  \n",
    "!\n", "!!\r\n\n", " !\n a", "\u00a0!\n", "!\t\n", "...\n\n...", "\u0301a", "!\u0301a", " \u0301\n", "a\u0301'S",
    "x\u2028y", "x\u0085\ny", "\u0085\n", "a\u200b\n", "\u2029\r", "  \r  x", "?\r\r\n?",
    "gikk mand", "Der gik", "der gik", "svømmede", " svømmede", "rain drumming",
]


def family_inputs():
    rng = random.Random(20241107)
    out = [s.encode() for s in EXTRA + ODD[::2] + [l for l in TEXT.split("\n") if l][::4]]
    letters = list("aes'tLlRV \t\n\r  12345.,!<>/") + [MARK, "\u0301", "\u00e9", "\u00a0", "\u017f", "<s>", "\U0001f600", "\u4e2d"]
    for _ in range(60):
        out.append("".join(rng.choice(letters) for _ in range(rng.randrange(1, 24))).encode())
    for _ in range(20):
        out.append(bytes(rng.choice([rng.randrange(256), 0x20, 0x61]) for _ in range(rng.randrange(1, 16))))
    return out


def characters():
    """Trained as SentencePiece does it: words begin with their space, numbers and spaces by themselves."""
    names = [f"<0x{b:02X}>" for b in range(256)]
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    t.train_from_iterator((TEXT + "   \n    \n" * 9).split("\n") * 3, trainers.BpeTrainer(
        vocab_size=720, show_progress=False, special_tokens=["<unk>", "<s>", "</s>"] + names))
    j = json.loads(t.to_str())
    j["added_tokens"] = [a for a in j["added_tokens"] if a["content"] not in names]
    j["pre_tokenizer"] = None
    vocab, merges = j["model"]["vocab"], j["model"]["merges"]
    for n in range(2, 5):  # runs of spaces are merged too
        vocab.setdefault(MARK * n, len(vocab))
        merges.append([MARK * (n - 1), MARK])
    return j


def families():
    llama3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
              r"|\s*[\r\n]+|\s+(?!\S)|\s+")
    def cut(expression):
        return {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]}
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": MARK}
    prepend = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": MARK}, replace]}
    def metaspace(scheme, split):
        return {"type": "Metaspace", "replacement": MARK, "prepend_scheme": scheme, "split": split}
    normalized = [added("<unk>", 0, special=True, normalized=True), added("<s>", 1, special=True, normalized=True),
                  added("</s>", 2, special=True, normalized=True)]
    runs = [added("\n\n", normalized=False), added(MARK * 2, normalized=False), added("<s>", 1, special=True)]
    whole = {w: 640 + 16 + i for i, w in enumerate(["\u0120rain", "\u0120svømmede".replace("ø", "\u00c3\u00b8"), "drumming"])}
    return {
        "llama3": {"of": "tokenizer.json", "normalizer": None, "pre_tokenizer": cut(llama3),
                   "model": {"ignore_merges": True, "vocab": whole}},
        "qwen2": {"of": "tokenizer.json", "pre_tokenizer": cut(llama3.replace("{1,3}", ""))},
        "llama2": {"of": "characters.json", "normalizer": prepend},
        "llama2_normalized": {"of": "characters.json", "normalizer": prepend, "added_tokens": normalized},
        "gemma": {"of": "characters.json", "normalizer": replace, "added_tokens": runs,
                  "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious",
                                    "invert": False}},
        "mistral": {"of": "characters.json", "pre_tokenizer": metaspace("first", False)},
        "metaspace": {"of": "characters.json", "normalizer": {"type": "NFC"}, "pre_tokenizer": metaspace("always", True)},
        "crossing": {"of": "characters.json", "normalizer": replace,  # a merge that reaches over a space
                     "model": {"vocab": {"e" + MARK: 740}, "merges": [["e", MARK]]}},
    }


def changed(base, changes):
    j = copy.deepcopy(base)
    for key, value in changes.items():
        if key == "model":
            vocab = {**j["model"]["vocab"], **value.get("vocab", {})}
            j["model"] |= value
            j["model"]["vocab"] = vocab
        elif key != "of":
            j[key] = value
    return j


def write_families(small):
    bases = {"tokenizer.json": small, "characters.json": characters()}
    with open(f"{OUT}/characters.json", "w") as f:
        json.dump(bases["characters.json"], f, ensure_ascii=False, separators=(",", ":"))
    with open(f"{OUT}/families.json", "w") as f:
        json.dump(families(), f, ensure_ascii=False, indent=1)
    texts = family_inputs()
    with open(f"{OUT}/families.txt", "w") as f:
        f.writelines(b.hex() + "\n" for b in texts)
    for name, changes in families().items():
        write(name, Tokenizer.from_str(json.dumps(changed(bases[changes["of"]], changes))), texts, False)


def main():
    texts = inputs()
    with open(f"{OUT}/inputs.txt", "w") as f:
        f.writelines(b.hex() + "\n" for b in texts)
    small = small_tokenizer()
    with open(f"{OUT}/tokenizer.json", "w") as f:
        json.dump(small, f, ensure_ascii=False, separators=(",", ":"))
    write_families(small)
    write("small", Tokenizer.from_str(json.dumps(small)), texts)
    with open(f"{OUT}/variants.json", "w") as f:
        json.dump(variants(), f, indent=1)
    for name, changes in variants().items():
        j = copy.deepcopy(small) | changes
        write(name, Tokenizer.from_str(json.dumps(j)), texts, name == "added")
    with open(f"{OUT}/small.txt") as a, open(f"{OUT}/sequence.txt") as b:
        assert [l.split("|")[:2] for l in a] == [l.split("|")[:2] for l in b]
    os.remove(f"{OUT}/sequence.txt")  # the same as small.txt
    write("gpt-neox-20b", Tokenizer.from_file(f"{DATA}/tokenizers/gpt-neox-20b/tokenizer.json"), texts)
    write("demo", Tokenizer.from_file("store/demo/model/tokenizer.json"), texts)
    gpt2 = Tokenizer(models.BPE.from_file(f"{DATA}/tokenizers/gpt2/vocab.json", f"{DATA}/tokenizers/gpt2/merges.txt"))
    gpt2.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    gpt2.add_special_tokens([AddedToken("<|endoftext|>", normalized=False, special=True)])
    write("gpt2", gpt2, texts)


main()
