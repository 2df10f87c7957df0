#include "engine/ops/dropout.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/bitwise_and.h>
#include <ATen/ops/bitwise_right_shift.h>
#include <ATen/ops/bitwise_xor.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/where.h>

#include <vector>

#include "engine/ops/dispatch.h"
#include "engine/ops/simd.h"

namespace llmrun {
namespace {

/// Element e takes word e % 4 of Philox block e / 4, and is kept when that word, as 32 bits of a fraction, is at least p.
uint32_t threshold(double p) { return static_cast<uint32_t>(p * 0x1p32); }

/// words[4 i ...] = philox(seed, stream, first_block + i), `blocks` times: philox4x32 written so that many blocks go through at once.
LLMRUN_SIMD void philox_blocks(const DropoutKey& key, uint64_t first_block, int64_t blocks, uint32_t* __restrict words) {
  const uint32_t key0 = static_cast<uint32_t>(key.seed), key1 = static_cast<uint32_t>(key.seed >> 32);
  const uint32_t stream0 = static_cast<uint32_t>(key.stream), stream1 = static_cast<uint32_t>(key.stream >> 32);
#pragma omp simd
  for (int64_t i = 0; i < blocks; ++i) {
    const uint64_t block = first_block + i;
    uint32_t a = static_cast<uint32_t>(block), b = static_cast<uint32_t>(block >> 32), c = stream0, d = stream1;
#pragma GCC unroll 10
    for (uint32_t round = 0; round < 10; ++round) {
      const uint64_t product0 = uint64_t{0xD2511F53} * a, product1 = uint64_t{0xCD9E8D57} * c;
      a = static_cast<uint32_t>(product1 >> 32) ^ b ^ (key0 + round * 0x9E3779B9U);
      b = static_cast<uint32_t>(product1);
      c = static_cast<uint32_t>(product0 >> 32) ^ d ^ (key1 + round * 0xBB67AE85U);
      d = static_cast<uint32_t>(product0);
    }
    words[4 * i] = a;
    words[4 * i + 1] = b;
    words[4 * i + 2] = c;
    words[4 * i + 3] = d;
  }
}

template <typename T>
LLMRUN_SIMD void drop(T* __restrict x, const uint32_t* __restrict words, int64_t n, uint32_t drop_below, float scale) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) x[i] = narrow<T>(words[i] < drop_below ? 0.0F : widen(x[i]) * scale);
}

/// A 32-bit word in each int64. The same ten rounds, for a device where only ATen runs.
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
  const float scale = static_cast<float>(1.0 / (1.0 - p));
  with_dtype(x, [&]<typename T>(T) {
    T* values = x.mutable_data_ptr<T>();
    at::parallel_for(0, tokens, 8, [&](int64_t begin, int64_t end) {
      std::vector<uint32_t> words(channels + 8);  // a row may begin and end inside a block
      for (int64_t row = begin; row < end; ++row) {
        const uint64_t element = static_cast<uint64_t>(token[row]) * key.hidden + first_channel;
        const int64_t skip = static_cast<int64_t>(element % 4);
        philox_blocks(key, element / 4, (skip + channels + 3) / 4, words.data());
        drop(values + row * channels, words.data() + skip, channels, threshold(p), scale);
      }
    });
  });
}

}  // namespace llmrun
