#!/usr/bin/env python3
"""Write a model for llama.cpp that knows nothing: random weights, a vocabulary
of a few hundred words, six small layers. Same bytes every time.

    tiny_model.py FILE

What it says is noise in words; what is tested is that a server of llama.cpp
says it through intel. Needs numpy and gguf (Debian: python3-gguf).
"""

import sys

import gguf
import numpy

WIDTH, HEADS, LAYERS, HIDDEN, CONTEXT = 192, 6, 6, 768, 2048

syllables = ["ba", "de", "fi", "go", "lu", "ma", "ne", "pi", "ro", "su", "ta", "ve", "wi", "zo"]
words = syllables + ["\u2581" + a + b for a in syllables for b in syllables]
letters = ["\u2581"] + [chr(c) for c in range(ord("a"), ord("z") + 1)]
tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + letters + words
types = ([gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
         + [gguf.TokenType.BYTE] * 256 + [gguf.TokenType.NORMAL] * (len(letters) + len(words)))
first_word = len(tokens) - len(words)
scores = [0.0] * 259 + [-1000.0] * len(letters) + [-float(i) for i in range(len(words))]

template = ("{% for message in messages %}{{ message.role }} {{ message.content }} {% endfor %}"
            "{% if add_generation_prompt %}assistant {% endif %}")

writer = gguf.GGUFWriter(sys.argv[1], "llama")
writer.add_name("tiny")
writer.add_context_length(CONTEXT)
writer.add_embedding_length(WIDTH)
writer.add_block_count(LAYERS)
writer.add_feed_forward_length(HIDDEN)
writer.add_head_count(HEADS)
writer.add_head_count_kv(HEADS)
writer.add_rope_dimension_count(WIDTH // HEADS)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_vocab_size(len(tokens))
writer.add_file_type(gguf.LlamaFileType.ALL_F32)
writer.add_tokenizer_model("llama")
writer.add_tokenizer_pre("default")
writer.add_token_list(tokens)
writer.add_token_scores(scores)
writer.add_token_types(types)
writer.add_unk_token_id(0)
writer.add_bos_token_id(1)
writer.add_eos_token_id(2)
writer.add_chat_template(template)

random = numpy.random.default_rng(1)


def tensor(name, *shape, scale=0.1):
    writer.add_tensor(name, (random.standard_normal(shape) * scale).astype(numpy.float32))


def ones(name):
    writer.add_tensor(name, numpy.ones(WIDTH, dtype=numpy.float32))


tensor("token_embd.weight", len(tokens), WIDTH, scale=1.0)
ones("output_norm.weight")
# words only: the end of the text, bytes and single letters have no weight
output = random.standard_normal((len(tokens), WIDTH)) * 1.5
output[:first_word] = 0
writer.add_tensor("output.weight", output.astype(numpy.float32))
for layer in range(LAYERS):
    ones(f"blk.{layer}.attn_norm.weight")
    for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
        tensor(f"blk.{layer}.{part}.weight", WIDTH, WIDTH)
    ones(f"blk.{layer}.ffn_norm.weight")
    tensor(f"blk.{layer}.ffn_gate.weight", HIDDEN, WIDTH)
    tensor(f"blk.{layer}.ffn_up.weight", HIDDEN, WIDTH)
    tensor(f"blk.{layer}.ffn_down.weight", WIDTH, HIDDEN)

writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
