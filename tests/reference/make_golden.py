#!/usr/bin/env python3
"""Trains a Hugging Face model by plain PyTorch and writes what tests/golden holds of it: the reference that every layout must reproduce.

usage: make_golden.py OUT --family llama|gpt2 [--set key=value ...]   keys: of the model's config.json, or of HYPER below
Needs transformers beside torch: pip install --target DIR transformers==5.23.0; PYTHONPATH=.deps/python:DIR
The text is Debian's bible-kjv as bytes, taken modulo the vocabulary where that is below 256."""
import argparse, itertools, json, math, pathlib, struct, subprocess

import torch
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

HYPER = dict(seq_len=64, micro_batch=2, global_batch=8, steps=40, lr=2e-3, min_lr=2e-4, warmup_steps=5, weight_decay=0.1, betas=[0.9, 0.95], eps=1e-8,
             clip_grad=1.0, seed=1, tokens=20481, documents=[4096], document_masks=False)
MODELS = {
    "llama": (LlamaConfig, LlamaForCausalLM, dict(hidden_size=64, intermediate_size=176, num_hidden_layers=4, num_attention_heads=8, num_key_value_heads=4,
                                                  vocab_size=256, max_position_embeddings=128, rms_norm_eps=1e-5, bos_token_id=0, eos_token_id=0)),
    "gpt2": (GPT2Config, GPT2LMHeadModel, dict(n_embd=64, n_layer=4, n_head=4, n_positions=128, vocab_size=256, resid_pdrop=0.0, embd_pdrop=0.0,
                                               attn_pdrop=0.0, bos_token_id=0, eos_token_id=0)),
}


def words(settings, hyper, model):
    """Each key=value goes where the key is known: a hyperparameter, else the model's configuration."""
    for text in settings:
        key, value = text.split("=", 1)
        (hyper if key in hyper else model)[key] = json.loads(value)


def document_lengths(tokens, cycle):
    """The lengths of `cycle` over and over, the last one as long as what is left."""
    lengths = []
    while sum(lengths) < tokens:
        lengths.append(min(cycle[len(lengths) % len(cycle)], tokens - sum(lengths)))
    return lengths


def write_tokens(prefix, ids, lengths):
    """Megatron's indexed format, version 1: uint16 tokens, their documents' lengths and byte offsets."""
    pathlib.Path(f"{prefix}.bin").write_bytes(struct.pack(f"<{len(ids)}H", *ids))
    offsets = [2 * sum(lengths[:i]) for i in range(len(lengths))]
    index = b"MMIDIDX\x00\x00" + struct.pack("<QBQQ", 1, 8, len(lengths), len(lengths) + 1)
    index += struct.pack(f"<{len(lengths)}i", *lengths) + struct.pack(f"<{len(lengths)}q", *offsets)
    index += struct.pack(f"<{len(lengths) + 1}q", *range(len(lengths) + 1))
    pathlib.Path(f"{prefix}.idx").write_bytes(index)


def weights(model):
    """As transformers stores them: a tied head only once."""
    tied = model.config.tie_word_embeddings
    return {k: v.detach().clone().contiguous() for k, v in model.state_dict().items() if not (tied and k == "lm_head.weight")}


def learning_rate(hyper, step):
    if step <= hyper["warmup_steps"]:
        return hyper["lr"] * step / hyper["warmup_steps"]
    done = (step - hyper["warmup_steps"]) / (hyper["steps"] - hyper["warmup_steps"])
    return hyper["min_lr"] + (hyper["lr"] - hyper["min_lr"]) * 0.5 * (1 + math.cos(math.pi * done))


def loss_sum(logits, targets):
    return torch.nn.functional.cross_entropy(logits.reshape(-1, logits.size(-1)), targets.reshape(-1), reduction="sum")


def pieces(first, seq, borders):
    """What of the seq + 1 tokens from `first` on belongs together: inputs and targets of one document. The last token of a document has no target."""
    cuts = [first] + [b for b in borders if first < b < first + seq + 1] + [first + seq + 1]
    return [(begin, end) for begin, end in zip(cuts, cuts[1:]) if end - begin > 1]


def losses(model, ids, hyper, borders, samples):
    """The summed loss and its tokens of each backward pass over these samples: a micro-batch at once, or with document masks each document by
    itself, which then has its own positions and sees nothing else."""
    seq, micro = hyper["seq_len"], hyper["micro_batch"]
    if hyper["document_masks"]:
        for i in samples:
            for begin, end in pieces(i * seq, seq, borders):
                yield lambda b=begin, e=end: loss_sum(model(input_ids=ids[None, b : e - 1]).logits, ids[None, b + 1 : e]), end - begin - 1
    else:
        for first in range(samples.start, samples.stop, micro):
            rows = torch.stack([ids[i * seq : i * seq + seq + 1] for i in range(first, first + micro)])
            yield lambda r=rows: loss_sum(model(input_ids=r[:, :-1]).logits, r[:, 1:]), micro * seq


def train(model, ids, hyper, borders):
    batch = hyper["global_batch"]
    groups = [{"params": [p for p in model.parameters() if p.dim() >= 2], "weight_decay": hyper["weight_decay"]},
              {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=hyper["lr"], betas=hyper["betas"], eps=hyper["eps"])
    for step in range(1, hyper["steps"] + 1):
        lr, loss = learning_rate(hyper, step), 0.0
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()
        parts = list(losses(model, ids, hyper, borders, range((step - 1) * batch, step * batch)))
        tokens = sum(count for _, count in parts)
        for compute, _ in parts:
            part = compute() / tokens
            part.backward()
            loss += part.item()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), hyper["clip_grad"]).item()
        optimizer.step()
        yield {"step": step, "loss": loss, "grad_norm": norm, "lr": lr}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--family", choices=MODELS, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=JSON")
    arguments = parser.parse_args()
    hyper = dict(HYPER)
    config_type, model_type, shape = MODELS[arguments.family]
    words(arguments.set, hyper, shape)

    torch.manual_seed(hyper["seed"])
    torch.use_deterministic_algorithms(True)
    model = model_type._from_config(config_type(**shape), attn_implementation="eager")
    text = subprocess.run(["bible", "-f", "Gen1:1-Rev22:21"], stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout
    tokens = [byte % min(256, shape["vocab_size"]) for byte in text[: hyper["tokens"]]]

    out = arguments.out
    out.mkdir(parents=True)
    (out / "config.json").write_text(model.config.to_json_string())
    save_file(weights(model), str(out / "model.safetensors"))
    lengths = document_lengths(len(tokens), hyper["documents"])
    write_tokens(out / "tokens", tokens, lengths)
    run = {"family": arguments.family, **{k: v for k, v in hyper.items() if k not in ("seed", "tokens", "documents")}, "optimizer": "adamw", "schedule": "cosine",
           "decay_only_ge_2d": True, "dropout": 0.0, "data_order": "sequential", "precision": "fp32"}
    (out / "run.json").write_text(json.dumps(run, indent=1))
    model.train()
    with open(out / "expected.jsonl", "w") as lines:
        for line in train(model, torch.tensor(tokens), hyper, list(itertools.accumulate(lengths))):
            print(json.dumps(line), file=lines)
    save_file(weights(model), str(out / "final.safetensors"))
    model.eval()
    prompt = torch.tensor([tokens[:16]])
    with torch.no_grad():
        final = model.generate(prompt, max_new_tokens=24, do_sample=False, pad_token_id=0, eos_token_id=None)[0].tolist()
    (out / "generate.json").write_text(json.dumps({"prompt": tokens[:16], "final": final}))


if __name__ == "__main__":
    main()
