"""One training step of a GPT-2 or Llama shape in eager PyTorch with fused AdamW: what `llmrun bench step` is measured against.

Prints tokens per second (median of the steps) as JSON. bench_pair.sh runs both in turns."""
import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F


class Block(torch.nn.Module):
    def __init__(self, a):
        super().__init__()
        llama = a.family == "llama"
        norm = (lambda: torch.nn.RMSNorm(a.hidden, eps=1e-5)) if llama else (lambda: torch.nn.LayerNorm(a.hidden))
        self.heads, self.llama = a.heads, llama
        self.norm1, self.norm2 = norm(), norm()
        self.qkv = torch.nn.Linear(a.hidden, 3 * a.hidden, bias=not llama)
        self.out = torch.nn.Linear(a.hidden, a.hidden, bias=not llama)
        self.up = torch.nn.Linear(a.hidden, (2 if llama else 1) * a.ffn, bias=not llama)
        self.down = torch.nn.Linear(a.ffn, a.hidden, bias=not llama)

    def forward(self, x, cos, sin):
        b, s, h = x.shape
        q, k, v = (t.view(b, s, self.heads, -1).transpose(1, 2) for t in self.qkv(self.norm1(x)).split(h, 2))
        if self.llama:
            half = q.shape[-1] // 2
            rotate = lambda t: torch.cat((-t[..., half:], t[..., :half]), -1)
            q, k = q * cos + rotate(q) * sin, k * cos + rotate(k) * sin
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, s, h)
        x = x + self.out(y)
        u = self.up(self.norm2(x))
        if self.llama:
            gate, up = u.chunk(2, -1)
            return x + self.down(F.silu(gate) * up)
        return x + self.down(F.gelu(u, approximate="tanh"))


class Model(torch.nn.Module):
    def __init__(self, a):
        super().__init__()
        self.llama = a.family == "llama"
        self.tokens = torch.nn.Embedding(a.vocab, a.hidden)
        self.places = None if self.llama else torch.nn.Embedding(a.seq_len, a.hidden)
        self.blocks = torch.nn.ModuleList(Block(a) for _ in range(a.layers))
        self.norm = torch.nn.RMSNorm(a.hidden, eps=1e-5) if self.llama else torch.nn.LayerNorm(a.hidden)
        self.head = torch.nn.Linear(a.hidden, a.vocab, bias=False)
        if not self.llama:
            self.head.weight = self.tokens.weight
        d = a.hidden // a.heads
        angle = torch.outer(torch.arange(a.seq_len).float(), 10000.0 ** (-torch.arange(0, d, 2).float() / d)).repeat(1, 2)
        self.cos, self.sin = angle.cos(), angle.sin()

    def forward(self, ids, targets):
        x = self.tokens(ids)
        if self.places is not None:
            x = x + self.places.weight
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        return F.cross_entropy(self.head(self.norm(x)).flatten(0, 1), targets.flatten())


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--family", default="gpt")
    for name, value in dict(layers=8, hidden=512, heads=8, ffn=2048, vocab=8192, seq_len=512, micro_batch=4, threads=2, steps=5, warmup=2).items():
        p.add_argument("--" + name.replace("_", "-"), type=int, default=value)
    p.add_argument("--precision", choices=["fp32"], default="fp32")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    model = Model(a)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    times = []
    for step in range(a.warmup + a.steps):
        ids = torch.randint(0, a.vocab, (a.micro_batch, a.seq_len + 1))
        begin = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        model(ids[:, :-1], ids[:, 1:]).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step >= a.warmup:
            times.append(time.perf_counter() - begin)
    median = statistics.median(times)
    parameters = sum(x.numel() for x in model.parameters())
    print(json.dumps({"tokens_per_s": a.micro_batch * a.seq_len / median, "step_time_s": median, "parameters": parameters}))


main()
