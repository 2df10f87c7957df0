#include "engine/ops/aten.h"
#include "tests/engine/ops/oracle.h"
#include "tests/support/counted_memory.h"

namespace llmrun {
namespace {

/// Bytes that stand at once while `run` runs, its result among them: on a CPU, but of the tensors that a GPU would hold.
template <typename Run>
int64_t peak_of(const Run& run) {
  const CountingAllocator allocator;
  const auto memory = std::make_shared<CountedMemory>();
  CountingAllocator::of_this_thread() = memory;
  run();
  CountingAllocator::of_this_thread() = nullptr;
  return memory->peak();
}

}  // namespace

TEST_CASE("ATen's sequences hold no more tensors at once than they have to") {
  constexpr int64_t kTokens = 64, kColumns = 4096, kElements = kTokens * kColumns;
  const at::Tensor gate_up = normal({kTokens, 2 * kColumns}, 1, at::kBFloat16), dy = normal({kTokens, kColumns}, 2, at::kBFloat16);
  // The gradient of both halves, and in fp32 the gate, dy and silu(gate).
  CHECK(peak_of([&] { aten::swiglu_backward(dy, gate_up); }) <= kElements * (2 * 2 + 3 * 4) * 101 / 100);

  const at::Tensor x = normal({kTokens, kColumns}, 3, at::kFloat), tokens = at::arange(kTokens, at::kLong);
  // In int64 the element's number, its four words and three choices between them; and four answers of a byte.
  CHECK(peak_of([&] { aten::dropout_(x, 0.1, {.seed = 1, .stream = 2, .hidden = kColumns}, tokens, 0); }) <= kElements * (8 * 8 + 4));
}

}  // namespace llmrun
