#include "engine/ops/aten.h"
#include "engine/ops/meta_kernels.h"
#include "engine/ops/meta_memory.h"
#include "engine/ops/product.h"
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

/// The same of tensors on the meta device.
template <typename Run>
int64_t traced_peak_of(const Run& run) {
  know_meta_kernels();
  const MetaMemory memory;
  run();
  return memory.device().peak;
}

}  // namespace

// Not here: the fused norm without a mean, which ATen has for GPUs only, and sums in fp64, for which a CPU copies its input.
TEST_CASE("the meta device counts what an allocator does") {
  constexpr int64_t kTokens = 96, kWide = 512, kVocab = 320;
  const Interval rows{100, 100 + kVocab};
  constexpr int64_t kOwn = 512;  // bytes that a kernel of the CPU takes for itself
  const auto check = [&](const char* name, const auto& run) {
    const int64_t counted = peak_of([&] { run(at::kCPU); }), traced = traced_peak_of([&] { run(at::kMeta); });
    CHECK_MESSAGE(std::abs(traced - counted) <= kOwn, std::string(name), ": ", traced, " bytes traced, ", counted, " counted");
  };
  const auto made = [](at::IntArrayRef sizes, at::Device device) { return at::zeros(sizes, at::TensorOptions().device(device)); };
  const auto ids = [](int64_t count, at::Device device) { return at::zeros({count}, at::TensorOptions().dtype(at::kLong).device(device)); };
  check("gelu", [&](at::Device on) { aten::gelu_tanh_backward(aten::gelu_tanh(made({kTokens, kWide}, on)), made({kTokens, kWide}, on)); });
  check("swiglu",
        [&](at::Device on) { aten::swiglu_backward(aten::swiglu(made({kTokens, 2 * kWide}, on)), made({kTokens, 2 * kWide}, on)); });
  check("dropout", [&](at::Device on) { aten::dropout_(made({kTokens, kWide}, on), 0.1, {.hidden = kWide}, ids(kTokens, on), 0); });
  check("embed", [&](at::Device on) { aten::embed(ids(kTokens, on), made({kVocab, kWide}, on), rows); });
  check("column sums", [&](at::Device on) { aten::add_column_sums(made({kTokens, kWide}, on), made({kWide}, on), true); });
  check("norm", [&](at::Device on) {
    aten::norm(made({kTokens, kWide}, on), made({kTokens, kWide}, on), made({kWide}, on), made({kWide}, on), 1e-5);
  });
  check("rms norm backward", [&](at::Device on) {
    const at::Tensor x = made({kTokens, kWide}, on), grad = made({kWide}, on);
    aten::norm_backward(x, x, {x, {}, made({kTokens}, on)}, grad, x, grad, {});
  });
  check("rotary", [&](at::Device on) {
    const RotaryTable table{made({kTokens, 16}, on), made({kTokens, 16}, on)};
    aten::rotary_(made({kTokens, 4 * 32}, on), 2, 1, 32, ids(kTokens, on), table, false);
  });
  check("loss", [&](at::Device on) {
    const at::Tensor logits = made({kTokens, kVocab}, on), targets = ids(kTokens, on);
    aten::largest_of_rows(logits);
    aten::turn_into_gradient(logits, made({2, kTokens}, on), targets, rows);
  });
  check("product",
        [&](at::Device on) { product_into(made({kWide, kVocab}, on), made({kWide, kTokens}, on), made({kTokens, kVocab}, on), true); });
}

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
