#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/core/traffic.h"

namespace llmrun {

enum class Reduce { sum, max };

/// The element types that can be reduced. `bytes` is for calls that only move data, whatever it is.
enum class Element : uint8_t { bytes, float32, bfloat16, float16, float64, int64, uint8 };
size_t size_of(Element element);

/// What a call does, in words that ranks compare: every rank of a group must make the same collective Call, and a backend that can see
/// both throws an Error with both rather than hang. Torch-free.
struct Call {
  Verb verb = Verb::barrier;
  Element element = Element::bytes;
  Reduce how = Reduce::sum;
  int32_t root = -1;  // of a broadcast
  int64_t count = 0;  // elements of the larger side: the whole of a gather or a scatter
  friend bool operator==(const Call&, const Call&) = default;
};

/// "all_reduce of 12 float32 (sum)", "broadcast of 48 bytes from rank 2".
std::string describe(const Call& call);

/// "rank 1 called all_reduce of 10 float32 (sum) where rank 0 called barrier"; for messages "rank 0 sent 16 bytes where rank 1 receives
/// 20".
std::string describe_disagreement(int theirs_rank, const Call& theirs, int ours_rank, const Call& ours);

}  // namespace llmrun
