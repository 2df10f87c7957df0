#include "engine/ops/linear.h"

#include "tests/engine/ops/oracle.h"

namespace llmrun {

TEST_CASE("linear and its three gradients are autograd's") {
  for (const auto dtype : kDtypes) {
    for (const auto& [tokens, in, out] : {std::array<int64_t, 3>{1, 5, 3}, {37, 19, 41}, {128, 64, 96}}) {
      const at::Tensor x = normal({tokens, in}, 1, dtype), w = normal({out, in}, 2, dtype), b = normal({out}, 3, dtype);
      const at::Tensor dy = normal({tokens, out}, 4, dtype);
      const at::Tensor rx = leaf(x), rw = leaf(w), rb = leaf(b);
      const at::Tensor ry = at::linear(rx, rw, rb);
      ry.backward(dy.to(at::kFloat));

      CHECK(distance(llmrun::linear(x, w, b), ry) < tolerance(dtype));
      CHECK(distance(llmrun::linear(x, w, at::Tensor()), ry - rb) < tolerance(dtype));
      CHECK(distance(linear_backward_input(dy, w), rx.grad()) < tolerance(dtype));
      const at::Tensor grad_w = at::full({out, in}, 7.0F), grad_b = at::full({out}, 7.0F);
      linear_backward_weight(dy, x, grad_w, grad_b, /*accumulate=*/false);
      CHECK(distance(grad_w, rw.grad()) < tolerance(dtype));
      CHECK(distance(grad_b, rb.grad()) < tolerance(dtype));
      linear_backward_weight(dy, x, grad_w, grad_b, /*accumulate=*/true);
      CHECK(distance(grad_w, 2 * rw.grad()) < tolerance(dtype));
      CHECK(distance(grad_b, 2 * rb.grad()) < tolerance(dtype));
    }
  }
}

TEST_CASE("the bias gradient has the same bits for any number of threads") {
  const at::Tensor dy = normal({333, 65}, 1), x = normal({333, 8}, 2), grad_w = at::empty({65, 8});
  const std::vector<at::Tensor> sums = on_threads([&] {
    const at::Tensor sum = at::empty({65});
    linear_backward_weight(dy, x, grad_w, sum, false);
    return sum;
  });
  CHECK(sums[0].equal(sums[1]));
  CHECK(sums[0].equal(sums[2]));
}

}  // namespace llmrun
