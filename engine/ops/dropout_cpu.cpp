#include <ATen/Parallel.h>

#include <vector>

#include "engine/ops/cpu.h"
#include "engine/ops/dispatch.h"
#include "engine/ops/dropout_threshold.h"
#include "engine/ops/simd.h"

namespace llmrun::cpu {
namespace {

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

}  // namespace

void dropout_(const at::Tensor& x, double p, const DropoutKey& key, const at::Tensor& token_index, int64_t first_channel) {
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
        drop(values + row * channels, words.data() + skip, channels, dropout_threshold(p), scale);
      }
    });
  });
}

}  // namespace llmrun::cpu
