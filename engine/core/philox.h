#pragma once
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string_view>

namespace llmrun {

// Randomness as a function, not a state: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
// The value at (seed, stream, index) is the same on every rank, in every layout and after every restart, so nothing has to be stored
// or replayed, and a rank makes only its own slice.

using PhiloxWords = std::array<uint32_t, 4>;

/// The block function itself: ten rounds on a 128-bit counter under a 64-bit key.
constexpr PhiloxWords philox4x32(PhiloxWords counter, std::array<uint32_t, 2> key) {
  constexpr uint64_t kMultiply0 = 0xD2511F53, kMultiply1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = kMultiply0 * counter[0];
    const uint64_t product1 = kMultiply1 * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

/// The four words at `index` of a stream. One seed serves the whole run; each use has its own stream (see stream_named).
constexpr PhiloxWords philox(uint64_t seed, uint64_t stream, uint64_t index) {
  return philox4x32({static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), static_cast<uint32_t>(stream),
                     static_cast<uint32_t>(stream >> 32)},
                    {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
}

/// A stream number for a use that has a name ("data order", a parameter): FNV-1a, 64 bits.
constexpr uint64_t stream_named(std::string_view name) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3;
  return hash;
}

/// In [0, 1), a multiple of 2^-24: every value is exact in a float.
constexpr float philox_uniform(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24F; }

/// Four independent standard normals from one block (Box and Muller 1958); none is infinite, the largest is 5.77.
inline std::array<float, 4> philox_normal(const PhiloxWords& words) {
  std::array<float, 4> normal{};
  for (int pair = 0; pair < 4; pair += 2) {
    const float radius = std::sqrt(-2.0F * std::log(1.0F - philox_uniform(words[pair])));  // 1 - u is in (0, 1]
    const float angle = 2.0F * std::numbers::pi_v<float> * philox_uniform(words[pair + 1]);
    normal[pair] = radius * std::cos(angle);
    normal[pair + 1] = radius * std::sin(angle);
  }
  return normal;
}

/// A keyed bijection of [0, size): any position at once, no table. A balanced Feistel network over the next power of four, with
/// Philox as its round function, walked until it falls back into the range (Black and Rogaway 2002): fewer than four walks on average.
class Permutation {
 public:
  /// REQUIRES size >= 1.
  Permutation(uint64_t size, uint64_t seed, uint64_t stream);
  /// Where position `index` goes. REQUIRES index < size().
  uint64_t operator()(uint64_t index) const;
  uint64_t size() const { return size_; }

 private:
  uint64_t encrypt(uint64_t value) const;

  uint64_t size_;
  uint64_t seed_;
  uint64_t stream_;
  int half_bits_;  // the network works on 2 x half_bits_ bits
};

}  // namespace llmrun
