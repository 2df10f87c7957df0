#pragma once
#include <bit>
#include <cstdint>

namespace llmrun {

// IEEE 754 half precision as it lies in memory, where LibTorch is not at hand.

inline float fp16_to_fp32(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16, exponent = (half >> 10) & 0x1F, mantissa = half & 0x3FF;
  if (exponent == 0)
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(static_cast<float>(mantissa) * 0x1p-24F));  // subnormal or 0
  const uint32_t wide = exponent == 0x1F ? 0xFF : exponent + (127 - 15);
  return std::bit_cast<float>(sign | (wide << 23) | (mantissa << 13));
}

/// To nearest, ties to even; what is too large becomes infinite, NaN stays NaN.
inline uint16_t fp32_to_fp16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7FFFFFFF;
  if (magnitude > 0x7F800000) return static_cast<uint16_t>(sign | 0x7E00);
  if (magnitude >= 0x47800000) return static_cast<uint16_t>(sign | 0x7C00);  // 2^16 and more; what rounds up to it carries over below
  if (magnitude >= 0x38800000)                                               // a normal number there too
    return static_cast<uint16_t>(sign | ((magnitude + 0xFFF + ((magnitude >> 13) & 1) - (uint32_t{127 - 15} << 23)) >> 13));
  // From 0.5 to 1 fp32 is spaced as fp16's subnormals are, so that the sum rounds as wanted.
  return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) - std::bit_cast<uint32_t>(0.5F)));
}

}  // namespace llmrun
