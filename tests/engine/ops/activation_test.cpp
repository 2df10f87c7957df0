#include "engine/ops/activation.h"

#include "engine/ops/vector_math.h"
#include "tests/engine/ops/oracle.h"

namespace llmrun {

TEST_CASE("gelu_tanh and its gradient are autograd's, in both tails too") {
  for (const auto dtype : kDtypes) {
    for (const int64_t n : {1, 7, 1000, 40001}) {
      const at::Tensor h = normal({n}, 1, dtype) * 4, dy = normal({n}, 2, dtype), rh = leaf(h);
      const at::Tensor ry = at::gelu(rh, "tanh");
      ry.backward(dy.to(at::kFloat));
      CHECK(distance(gelu_tanh(h), ry) < tolerance(dtype));
      CHECK(distance(gelu_tanh_backward(dy, h), rh.grad()) < tolerance(dtype));
    }
  }
}

TEST_CASE("swiglu takes the gate from the first half, and its gradient is autograd's") {
  for (const auto dtype : kDtypes) {
    for (const auto& [tokens, ffn] : {std::array<int64_t, 2>{1, 1}, {5, 33}, {64, 176}}) {
      const at::Tensor h = normal({tokens, 2 * ffn}, 1, dtype) * 3, dy = normal({tokens, ffn}, 2, dtype), rh = leaf(h);
      const at::Tensor ry = at::silu(rh.narrow(1, 0, ffn)) * rh.narrow(1, ffn, ffn);
      ry.backward(dy.to(at::kFloat));
      CHECK(distance(swiglu(h), ry) < tolerance(dtype));
      CHECK(distance(swiglu_backward(dy, h), rh.grad()) < tolerance(dtype));
    }
  }
}

TEST_CASE("vector_exp is within 2 ulp of e^x, and right at the edges") {
  double worst = 0;
  for (float x = -87.3F; x < 88.7F; x += 0.00137F) {
    const double exact = std::exp(static_cast<double>(x));
    const double ulp = std::nextafter(static_cast<float>(exact), INFINITY) - static_cast<float>(exact);
    worst = std::max(worst, std::abs(vector_exp(x) - exact) / ulp);
  }
  CHECK(worst < 2.0);
  CHECK(vector_exp(0.0F) == 1.0F);
  CHECK(vector_exp(-INFINITY) == doctest::Approx(0).epsilon(1e-40));
  CHECK(vector_exp(-1e30F) < 1e-44F);
  CHECK(vector_exp(89.0F) == INFINITY);
  CHECK(vector_exp(INFINITY) == INFINITY);
  CHECK(std::isnan(vector_exp(NAN)));
}

TEST_CASE("swiglu of huge gates overflows nowhere") {
  const at::Tensor h = at::tensor({-1e4F, 1e4F, 2.0F, 3.0F}).view({1, 4});
  CHECK(swiglu(h).equal(at::tensor({-0.0F, 3e4F}).view({1, 2})));
  CHECK(swiglu_backward(at::ones({1, 2}), h).isfinite().all().item<bool>());
}

}  // namespace llmrun
