#pragma once
#include <cstdint>

namespace llmrun {

/// Element e takes word e % 4 of Philox block e / 4, and is kept when that word, as 32 bits of a fraction, is at least p.
inline uint32_t dropout_threshold(double p) { return static_cast<uint32_t>(p * 0x1p32); }

}  // namespace llmrun
