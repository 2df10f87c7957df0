#include "engine/comm/reduce.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "engine/core/error.h"
#include "engine/core/half.h"

namespace llmrun {
namespace {

/// How a type lies in memory and what it is summed in.
template <typename T>
struct Plain {
  using Stored = T;
  using Sum = T;
  static Sum load(Stored value) { return value; }
  static Stored store(Sum value) { return value; }
};

struct BFloat16 {
  using Stored = uint16_t;
  using Sum = float;
  static Sum load(Stored value) { return std::bit_cast<float>(static_cast<uint32_t>(value) << 16); }
  static Stored store(Sum value) {
    const auto bits = std::bit_cast<uint32_t>(value);
    if (value != value) return static_cast<Stored>((bits >> 16) | 0x40);     // a NaN stays one
    return static_cast<Stored>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);  // to nearest, ties to even
  }
};

struct Float16 {
  using Stored = uint16_t;
  using Sum = float;
  static Sum load(Stored value) { return fp16_to_fp32(value); }
  static Stored store(Sum value) { return fp32_to_fp16(value); }
};

constexpr int64_t kBlock = 1024;  // elements summed at a time: the accumulators stay in the first cache

template <typename Type>
void reduce(Reduce how, std::span<const std::byte* const> inputs, std::span<std::byte* const> outputs, int64_t count) {
  using Stored = typename Type::Stored;
  std::array<typename Type::Sum, kBlock> sum;
  std::array<Stored, kBlock> result;
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t n = std::min(kBlock, count - begin);
    for (size_t r = 0; r < inputs.size(); ++r) {
      const Stored* values = reinterpret_cast<const Stored*>(inputs[r]) + begin;
      if (r == 0) {
        for (int64_t i = 0; i < n; ++i) sum[i] = Type::load(values[i]);
      } else if (how == Reduce::sum) {
        for (int64_t i = 0; i < n; ++i) sum[i] += Type::load(values[i]);
      } else {
        for (int64_t i = 0; i < n; ++i) {
          const auto value = Type::load(values[i]);
          sum[i] = value > sum[i] || value != value ? value : sum[i];
        }
      }
    }
    for (int64_t i = 0; i < n; ++i) result[i] = Type::store(sum[i]);
    for (std::byte* output : outputs) std::memcpy(reinterpret_cast<Stored*>(output) + begin, result.data(), n * sizeof(Stored));
  }
}

}  // namespace

void reduce_in_rank_order(Element element, Reduce how, std::span<const std::byte* const> inputs, std::span<std::byte* const> outputs,
                          int64_t count) {
  switch (element) {
    case Element::float32:
      return reduce<Plain<float>>(how, inputs, outputs, count);
    case Element::bfloat16:
      return reduce<BFloat16>(how, inputs, outputs, count);
    case Element::float16:
      return reduce<Float16>(how, inputs, outputs, count);
    case Element::float64:
      return reduce<Plain<double>>(how, inputs, outputs, count);
    case Element::int64:
      return reduce<Plain<int64_t>>(how, inputs, outputs, count);
    case Element::uint8:
      return reduce<Plain<uint8_t>>(how, inputs, outputs, count);
    case Element::bytes:
      break;
  }
  throw Error(Exit::failed, "bytes can be moved but not reduced");
}

}  // namespace llmrun
