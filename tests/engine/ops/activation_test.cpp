#include "engine/ops/activation.h"

#include "engine/ops/aten.h"
#include "engine/ops/cpu.h"
#include "tests/engine/ops/oracle.h"

namespace llmrun {

TEST_CASE("gelu_tanh and its gradient are autograd's, in both tails too") {
  for (const Path& path : paths()) {
    const auto forward = path.pick(cpu::gelu_tanh, aten::gelu_tanh);
    const auto backward = path.pick(cpu::gelu_tanh_backward, aten::gelu_tanh_backward);
    for (const auto dtype : kDtypes) {
      for (const int64_t n : {1, 7, 1000, 40001}) {
        const at::Tensor h = normal({n}, 1, dtype) * 4, dy = normal({n}, 2, dtype), rh = leaf(h);
        const at::Tensor ry = at::gelu(rh, "tanh");
        ry.backward(dy.to(at::kFloat));
        CHECK(distance(forward(path.put(h)), ry) < tolerance(dtype));
        CHECK(distance(backward(path.put(dy), path.put(h)), rh.grad()) < tolerance(dtype));
      }
    }
  }
}

TEST_CASE("swiglu takes the gate from the first half, and its gradient is autograd's") {
  for (const Path& path : paths()) {
    const auto forward = path.pick(cpu::swiglu, aten::swiglu);
    const auto backward = path.pick(cpu::swiglu_backward, aten::swiglu_backward);
    for (const auto dtype : kDtypes) {
      for (const auto& [tokens, ffn] : {std::array<int64_t, 2>{1, 1}, {5, 33}, {64, 176}}) {
        const at::Tensor h = normal({tokens, 2 * ffn}, 1, dtype) * 3, dy = normal({tokens, ffn}, 2, dtype), rh = leaf(h);
        const at::Tensor ry = at::silu(rh.narrow(1, 0, ffn)) * rh.narrow(1, ffn, ffn);
        ry.backward(dy.to(at::kFloat));
        CHECK(distance(forward(path.put(h)), ry) < tolerance(dtype));
        const at::Tensor dh = backward(path.put(dy), path.put(h));
        CHECK((dh.scalar_type() == dtype));
        CHECK(distance(dh, rh.grad()) < tolerance(dtype));
      }
    }
  }
}

TEST_CASE("swiglu of huge gates overflows nowhere") {
  const at::Tensor h = at::tensor({-1e4F, 1e4F, 2.0F, 3.0F}).view({1, 4});
  for (const at::Device device : devices()) {
    CHECK(same_bits(swiglu(h.to(device)), at::tensor({-0.0F, 3e4F}).view({1, 2})));
    CHECK(swiglu_backward(at::ones({1, 2}, device), h.to(device)).isfinite().all().item<bool>());
  }
}

}  // namespace llmrun
