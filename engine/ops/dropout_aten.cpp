#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/bitwise_and.h>
#include <ATen/ops/bitwise_right_shift.h>
#include <ATen/ops/bitwise_xor.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/where.h>

#include "engine/ops/aten.h"
#include "engine/ops/dropout_threshold.h"

namespace llmrun::aten {
namespace {

/// A 32-bit word in each int64. The same ten rounds, for a device where only ATen runs; in place, for a word takes eight bytes an element.
struct Words {
  at::Tensor a, b, c, d;
};

constexpr int64_t kWord = 0xFFFFFFFF;
at::Tensor high(const at::Tensor& x) { return x.bitwise_right_shift(32).bitwise_and_(kWord); }

Words philox_with_aten(const DropoutKey& key, const at::Tensor& block) {
  const auto word = [&](uint64_t value) { return static_cast<int64_t>(value & 0xFFFFFFFF); };
  Words w{block.bitwise_and(kWord), high(block), at::full_like(block, word(key.stream)), at::full_like(block, word(key.stream >> 32))};
  uint32_t key0 = static_cast<uint32_t>(key.seed), key1 = static_cast<uint32_t>(key.seed >> 32);
  for (int round = 0; round < 10; ++round) {
    w.a.mul_(int64_t{0xD2511F53});
    w.c.mul_(int64_t{0xCD9E8D57});
    w.b.bitwise_xor_(high(w.c)).bitwise_xor_(int64_t{key0});
    w.d.bitwise_xor_(high(w.a)).bitwise_xor_(int64_t{key1});
    w = {w.b, w.c.bitwise_and_(kWord), w.d, w.a.bitwise_and_(kWord)};
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return w;
}

}  // namespace

void dropout_(const at::Tensor& x, double p, const DropoutKey& key, const at::Tensor& token_index, int64_t first_channel) {
  const at::Tensor channel = at::arange(first_channel, first_channel + x.size(1), token_index.options());
  const at::Tensor element = token_index.unsqueeze(1) * key.hidden + channel;
  const Words words = philox_with_aten(key, element.bitwise_right_shift(2));
  const at::Tensor lane = element.bitwise_and_(3);
  const at::Tensor word = at::where(lane.lt(2), at::where(lane.eq(0), words.a, words.b), at::where(lane.eq(2), words.c, words.d));
  x.mul_(word.ge(int64_t{dropout_threshold(p)}).to(at::kFloat).mul_(1.0 / (1.0 - p)));
}

}  // namespace llmrun::aten
