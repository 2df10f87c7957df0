#!/usr/bin/env python3
"""How far plain PyTorch is from itself when only the micro-batch changes: the least that two layouts of any trainer will differ by.

usage: tests/reference/spread.py HF_DIR TOKENS_PREFIX [--lr 2e-3]     HF_DIR: a Llama or GPT-2 directory, such as `llmrun checkpoint export` writes
Trains as make_golden.py does and prints, for each step, the largest relative difference of loss and grad_norm. Needs transformers, as there."""
import argparse, contextlib, io, struct

import torch
from transformers import AutoModelForCausalLM

from make_golden import HYPER, train


def run(directory, ids, hyper):
    with contextlib.redirect_stderr(io.StringIO()):
        model = AutoModelForCausalLM.from_pretrained(directory, attn_implementation="eager")
    return list(train(model.train(), ids, hyper, []))


def spread(steps, key):
    values = [step[key] for step in steps]
    return (max(values) - min(values)) / values[0]


parser = argparse.ArgumentParser()
parser.add_argument("directory")
parser.add_argument("tokens")
parser.add_argument("--lr", type=float, default=HYPER["lr"])
arguments = parser.parse_args()
torch.set_num_threads(1)
with open(arguments.tokens + ".bin", "rb") as file:
    data = file.read()
ids = torch.tensor(struct.unpack(f"<{len(data) // 2}H", data)).long()
runs = [run(arguments.directory, ids, dict(HYPER, micro_batch=size, lr=arguments.lr, min_lr=arguments.lr / 10)) for size in (1, 2, 4, 8)]
for steps in zip(*runs):
    print(f"step {steps[0]['step']:2}  grad_norm {steps[0]['grad_norm']:.4f}  spread {spread(steps, 'grad_norm'):.1e}  loss {spread(steps, 'loss'):.1e}")
