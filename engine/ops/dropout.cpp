#include "engine/ops/dropout.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/bitwise_and.h>
#include <ATen/ops/bitwise_right_shift.h>
#include <ATen/ops/bitwise_xor.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/where.h>

#include <array>

#include "engine/core/philox.h"
#include "engine/ops/dispatch.h"

namespace llmrun {
namespace {

/// Element e takes word e % 4 of Philox block e / 4, and is kept when that word, as 32 bits of a fraction, is at least p.
uint32_t threshold(double p) { return static_cast<uint32_t>(p * 0x1p32); }

template <typename T>
void dropout_row(T* x, int64_t channels, uint64_t first_element, uint32_t drop_below, float scale, const DropoutKey& key) {
  PhiloxWords words{};
  for (int64_t i = 0; i < channels; ++i) {
    const uint64_t element = first_element + i;
    if (i == 0 || element % 4 == 0) words = philox(key.seed, key.stream, element / 4);
    const float value = static_cast<float>(x[i]);
    x[i] = static_cast<T>(words[element % 4] < drop_below ? 0.0F : value * scale);
  }
}

/// A 32-bit word in each int64. The same ten rounds as philox4x32, for a device where only ATen runs.
struct Words {
  at::Tensor a, b, c, d;
};

at::Tensor low(const at::Tensor& x) { return x.bitwise_and(0xFFFFFFFF); }
at::Tensor high(const at::Tensor& x) { return low(x.bitwise_right_shift(32)); }

Words philox_with_aten(const DropoutKey& key, const at::Tensor& block) {
  const auto word = [&](uint64_t value) { return static_cast<int64_t>(value & 0xFFFFFFFF); };
  Words w{low(block), high(block), at::full_like(block, word(key.stream)), at::full_like(block, word(key.stream >> 32))};
  uint32_t key0 = static_cast<uint32_t>(key.seed), key1 = static_cast<uint32_t>(key.seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const at::Tensor product0 = w.a * int64_t{0xD2511F53}, product1 = w.c * int64_t{0xCD9E8D57};
    w = {high(product1).bitwise_xor(w.b).bitwise_xor(int64_t{key0}), low(product1),
         high(product0).bitwise_xor(w.d).bitwise_xor(int64_t{key1}), low(product0)};
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  return w;
}

void dropout_with_aten(const at::Tensor& x, double p, const DropoutKey& key, const at::Tensor& token_index, int64_t first_channel) {
  const at::Tensor channel = at::arange(first_channel, first_channel + x.size(1), token_index.options());
  const at::Tensor element = token_index.unsqueeze(1) * key.hidden + channel;
  const Words words = philox_with_aten(key, element.bitwise_right_shift(2));
  const at::Tensor lane = element.bitwise_and(3);
  const at::Tensor word = at::where(lane.lt(2), at::where(lane.eq(0), words.a, words.b), at::where(lane.eq(2), words.c, words.d));
  x.mul_(word.ge(int64_t{threshold(p)}).to(at::kFloat).mul_(1.0 / (1.0 - p)));
}

}  // namespace

void dropout_(const at::Tensor& x, double p, const DropoutKey& key, const at::Tensor& token_index, int64_t first_channel) {
  if (p == 0) return;
  if (!x.is_cpu()) return dropout_with_aten(x, p, key, token_index, first_channel);
  const int64_t tokens = x.size(0), channels = x.size(1);
  const int64_t* token = token_index.const_data_ptr<int64_t>();
  with_dtype(x, [&]<typename T>(T) {
    T* values = x.mutable_data_ptr<T>();
    at::parallel_for(0, tokens, 8, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const uint64_t first_element = static_cast<uint64_t>(token[row]) * key.hidden + first_channel;
        dropout_row(values + row * channels, channels, first_element, threshold(p), static_cast<float>(1.0 / (1.0 - p)), key);
      }
    });
  });
}

}  // namespace llmrun
