#pragma once
#include <bit>
#include <cstdint>

namespace llmrun {

/// e^x within 2 ulp, in operations that every compiler vectorises: Cody and Waite's reduction to |r| <= ln(2) / 2, then the polynomial
/// of Cephes' expf (Moshier 1992). Overflows to infinity, underflows gradually to 0, keeps NaN.
inline float vector_exp(float x) {
  constexpr float kLog2E = 1.44269504F, kLn2High = 0.693359375F, kLn2Low = -2.12194440e-4F;
  constexpr float kRounder = 0x1.8p23F;  // adding it leaves the nearest integer in the low bits
  x = x < -104.0F ? -104.0F : x;
  x = x > 89.0F ? 89.0F : x;
  const float shifted = x * kLog2E + kRounder;
  const float n = shifted - kRounder;
  const float r = (x - n * kLn2High) - n * kLn2Low;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + r + 1.0F;
  // 2^n in two factors, so that n = 128 and the denormals come out right.
  const int32_t exponent = std::bit_cast<int32_t>(shifted) - std::bit_cast<int32_t>(kRounder);
  const int32_t half = exponent >> 1;
  return p * std::bit_cast<float>((half + 127) << 23) * std::bit_cast<float>((exponent - half + 127) << 23);
}

/// 1 / (1 + e^-x).
inline float vector_sigmoid(float x) { return 1.0F / (1.0F + vector_exp(-x)); }

}  // namespace llmrun
