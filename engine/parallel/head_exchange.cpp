#include "engine/parallel/head_exchange.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/sum.h>

namespace llmrun {

HeadExchange::HeadExchange(Communicator& sequence, int64_t heads, int64_t kv_heads, int64_t head_dim)
    : sequence_(sequence),
      heads_(heads),
      outer_kv_heads_(kv_heads),
      head_dim_(head_dim),
      kv_(kv_copies(heads, kv_heads, sequence.size())) {}

/// Part i goes to rank i, and part i of the result came from there.
at::Tensor HeadExchange::exchange(const at::Tensor& parts) const {
  at::Tensor received = at::empty_like(parts);
  sequence_.all_to_all(received, parts).wait();
  return received;
}

/// [size, batch local, columns], the tokens of each rank, become [batch size local, columns].
at::Tensor HeadExchange::tokens_in(const at::Tensor& parts, int64_t batch) const {
  const int64_t columns = parts.size(2);
  return parts.view({size(), batch, -1, columns}).transpose(0, 1).reshape({-1, columns});
}

/// tokens_in backwards.
at::Tensor HeadExchange::tokens_out(const at::Tensor& x, int64_t batch) const {
  const int64_t columns = x.size(1);
  return x.view({batch, size(), -1, columns}).transpose(0, 1).reshape({size(), -1, columns});
}

at::Tensor HeadExchange::qkv_in(const at::Tensor& qkv, int64_t batch) const {
  if (size() == 1) return qkv;
  const int64_t tokens = qkv.size(0), all = heads() + 2 * kv_heads();
  const at::Tensor from = qkv.view({tokens, heads_ + 2 * outer_kv_heads_, head_dim_});
  at::Tensor parts = at::empty({size(), tokens, all, head_dim_}, qkv.options());
  // Heads [tokens, size x each, head_dim] to their ranks.
  const auto put = [&](const at::Tensor& heads, int64_t begin, int64_t each) {
    parts.narrow(2, begin, each).copy_(heads.reshape({tokens, size(), each, head_dim_}).transpose(0, 1));
  };
  const auto copied = [&](int64_t begin) { return from.narrow(1, begin, outer_kv_heads_).unsqueeze(2).expand({-1, -1, kv_.copies, -1}); };
  put(from.narrow(1, 0, heads_), 0, heads());
  put(copied(heads_), heads(), kv_heads());
  put(copied(heads_ + outer_kv_heads_), heads() + kv_heads(), kv_heads());
  return tokens_in(exchange(parts.view({size(), tokens, all * head_dim_})), batch);
}

at::Tensor HeadExchange::dqkv_out(const at::Tensor& dqkv, int64_t batch) const {
  if (size() == 1) return dqkv;
  const at::Tensor received = exchange(tokens_out(dqkv, batch));
  const int64_t tokens = received.size(1);
  const at::Tensor parts = received.view({size(), tokens, heads() + 2 * kv_heads(), head_dim_});
  at::Tensor result = at::empty({tokens, heads_ + 2 * outer_kv_heads_, head_dim_}, dqkv.options());
  result.narrow(1, 0, heads_).view({tokens, size(), heads(), head_dim_}).copy_(parts.narrow(2, 0, heads()).transpose(0, 1));
  const auto put_sum = [&](int64_t begin, int64_t to) {
    const at::Tensor copies = parts.narrow(2, begin, kv_heads()).transpose(0, 1).reshape({tokens, outer_kv_heads_, kv_.copies, head_dim_});
    result.narrow(1, to, outer_kv_heads_).copy_(kv_.copies == 1 ? copies.squeeze(2) : at::sum(copies, {2}, false, at::kFloat));
  };
  put_sum(heads(), heads_);
  put_sum(heads() + kv_heads(), heads_ + outer_kv_heads_);
  return result.view({tokens, -1});
}

at::Tensor HeadExchange::queries_in(const at::Tensor& x, int64_t batch) const {
  if (size() == 1) return x;
  const at::Tensor parts = x.view({x.size(0), size(), -1}).transpose(0, 1).contiguous();
  return tokens_in(exchange(parts), batch);
}

at::Tensor HeadExchange::queries_out(const at::Tensor& x, int64_t batch) const {
  if (size() == 1) return x;
  const at::Tensor parts = exchange(tokens_out(x, batch));
  return parts.transpose(0, 1).reshape({parts.size(1), -1});
}

}  // namespace llmrun
