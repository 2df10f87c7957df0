#pragma once
#include <ATen/core/Tensor.h>

#include "engine/comm/communicator.h"
#include "engine/core/parameters.h"

namespace llmrun {

/// The Ulysses exchange (Jacobs et al. 2023, section 3.1): outside attention a rank of the sequence axis has all heads of some tokens,
/// inside all tokens of some heads. Each direction of each pass is one all-to-all. KV heads that the axis does not divide are copied
/// (KvCopies), and the gradients of the copies summed.
///
/// Tokens are rows, by sample and then position: [batch tokens, ...] with `local` tokens of a sample outside and size() x local inside, in
/// rank order. With one rank both sides are the same tensor.
class HeadExchange {
 public:
  /// REQUIRES heads divisible by sequence.size(), kv_heads a divisor of heads.
  HeadExchange(Communicator& sequence, int64_t heads, int64_t kv_heads, int64_t head_dim);

  int64_t heads() const { return heads_ / size(); }  // inside
  int64_t kv_heads() const { return kv_.local; }     // inside, copies counted
  int64_t size() const { return sequence_.size(); }

  /// [batch local, (heads + 2 kv_heads) head_dim] -> [batch size local, (heads() + 2 kv_heads()) head_dim], and its gradient back.
  at::Tensor qkv_in(const at::Tensor& qkv, int64_t batch) const;
  at::Tensor dqkv_out(const at::Tensor& dqkv, int64_t batch) const;

  /// [batch local, heads head_dim] -> [batch size local, heads() head_dim], and back: the result of attention and its gradient.
  at::Tensor queries_in(const at::Tensor& x, int64_t batch) const;
  at::Tensor queries_out(const at::Tensor& x, int64_t batch) const;

 private:
  at::Tensor exchange(const at::Tensor& parts) const;
  at::Tensor tokens_in(const at::Tensor& parts, int64_t batch) const;
  at::Tensor tokens_out(const at::Tensor& x, int64_t batch) const;

  Communicator& sequence_;
  int64_t heads_, outer_kv_heads_, head_dim_;  // outside
  KvCopies kv_;
};

}  // namespace llmrun
