#pragma once
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include <bit>
#include <cstdint>

#include "engine/core/half.h"

/// Marks a loop function that is compiled once for each level of x86-64 and chosen when the program starts: one binary serves every
/// node. The body must hold the loop itself: lambdas in it are not cloned. Sanitizers cannot run the chooser and get the plain one.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
#define LLMRUN_SIMD __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define LLMRUN_SIMD
#endif

namespace llmrun {

/// fp32 for arithmetic, whatever memory holds. These vectorise, which c10's own conversions do not (fp16's do
/// not either: a CPU computes in it for tests of what a GPU will).
inline float widen(float value) { return value; }
inline float widen(at::BFloat16 value) { return std::bit_cast<float>(uint32_t{value.x} << 16); }
inline float widen(at::Half value) { return fp16_to_fp32(value.x); }

/// Rounds to nearest, ties to even; NaN stays NaN.
template <typename T>
T narrow(float value);
template <>
inline float narrow<float>(float value) {
  return value;
}
template <>
inline at::BFloat16 narrow<at::BFloat16>(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
  return at::BFloat16(static_cast<uint16_t>(value != value ? 0x7FC0 : rounded), at::BFloat16::from_bits());
}
template <>
inline at::Half narrow<at::Half>(float value) {
  return at::Half(fp32_to_fp16(value), at::Half::from_bits());
}

}  // namespace llmrun
