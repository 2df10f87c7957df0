#include "engine/core/philox.h"

#include <bit>

namespace llmrun {

Permutation::Permutation(uint64_t size, uint64_t seed, uint64_t stream)
    : size_(size), seed_(seed), stream_(stream), half_bits_((std::bit_width(size - 1) + 1) / 2) {}

uint64_t Permutation::operator()(uint64_t index) const {
  uint64_t value = index;
  do value = encrypt(value);
  while (value >= size_);
  return value;
}

uint64_t Permutation::encrypt(uint64_t value) const {
  constexpr uint64_t kRounds = 6;
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  uint64_t left = value >> half_bits_;
  uint64_t right = value & mask;
  for (uint64_t round = 0; round < kRounds; ++round) {  // a half has at most 32 bits, so (round, right) never repeats within a stream
    const uint64_t mixed = left ^ (philox(seed_, stream_, round << 32 | right)[0] & mask);
    left = right;
    right = mixed;
  }
  return left << half_bits_ | right;
}

}  // namespace llmrun
