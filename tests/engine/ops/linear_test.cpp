#include "engine/ops/linear.h"

#include "engine/ops/aten.h"
#include "engine/ops/cpu.h"
#include "engine/ops/product.h"
#include "tests/engine/ops/oracle.h"

namespace llmrun {

TEST_CASE("linear and its three gradients are autograd's") {
  for (const at::Device device : devices()) {
    for (const auto dtype : kDtypes) {
      for (const auto& [tokens, in, out] : {std::array<int64_t, 3>{1, 5, 3}, {37, 19, 41}, {128, 64, 96}}) {
        const at::Tensor x = normal({tokens, in}, 1, dtype), w = normal({out, in}, 2, dtype), b = normal({out}, 3, dtype);
        const at::Tensor dy = normal({tokens, out}, 4, dtype);
        const at::Tensor rx = leaf(x), rw = leaf(w), rb = leaf(b);
        const at::Tensor ry = at::linear(rx, rw, rb);
        ry.backward(dy.to(at::kFloat));

        const at::Tensor tx = x.to(device), tw = w.to(device), tdy = dy.to(device);
        CHECK(distance(llmrun::linear(tx, tw, b.to(device)), ry) < tolerance(dtype));
        CHECK(distance(llmrun::linear(tx, tw, at::Tensor()), ry - rb) < tolerance(dtype));
        CHECK(distance(linear_backward_input(tdy, tw), rx.grad()) < tolerance(dtype));
        const at::Tensor grad_w = at::full({out, in}, 7.0F, device), grad_b = at::full({out}, 7.0F, device);
        linear_backward_weight(tdy, tx, grad_w, grad_b, /*accumulate=*/false);
        CHECK(distance(grad_w, rw.grad()) < tolerance(dtype));
        CHECK(distance(grad_b, rb.grad()) < tolerance(dtype));
        linear_backward_weight(tdy, tx, grad_w, grad_b, /*accumulate=*/true);
        CHECK(distance(grad_w, 2 * rw.grad()) < tolerance(dtype));
        CHECK(distance(grad_b, 2 * rb.grad()) < tolerance(dtype));
      }
    }
  }
}

TEST_CASE("a GPU sums a bf16 product in fp32 and rounds nothing, added or not") {
  for (const at::Device device : devices()) {
    if (device.is_cpu()) continue;  // oneDNN rounds once
    const at::Tensor a = normal({33, 500}, 1, at::kBFloat16), b = normal({500, 65}, 2, at::kBFloat16);
    const at::Tensor exact = at::mm(a.to(at::kDouble), b.to(at::kDouble)), total = at::ones({33, 65}, device);
    CHECK(distance(product_in_fp32(a.to(device), b.to(device)), exact) < 1e-5);
    product_into(total, a.to(device), b.to(device), /*accumulate=*/true);
    CHECK(distance(total, exact + 1) < 1e-5);
    product_into(total, a.t().contiguous().to(device).t(), b.to(device), /*accumulate=*/false);
    CHECK(distance(total, exact) < 1e-5);
  }
}

TEST_CASE("sums over tokens are ATen's fp64 sums, added or not") {
  for (const Path& path : paths()) {
    const auto add_column_sums = path.pick(cpu::add_column_sums, aten::add_column_sums);
    for (const auto dtype : kDtypes) {
      const at::Tensor x = normal({777, 33}, 1, dtype), expected = x.to(at::kDouble).sum(0), total = path.put(at::ones({33}));
      add_column_sums(path.put(x), total, /*accumulate=*/true);
      CHECK(distance(total, expected + 1) < 1e-5);
      add_column_sums(path.put(x), total, /*accumulate=*/false);
      CHECK(distance(total, expected) < 1e-5);
    }
  }
}

}  // namespace llmrun
