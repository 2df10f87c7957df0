#include "engine/ops/linear.h"
#include "engine/ops/norm.h"
#include "engine/ops/simd.h"
#include "engine/ops/vector_math.h"
#include "tests/engine/ops/oracle.h"

namespace llmrun {

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

TEST_CASE("a norm's weight gradients have the same bits for any number of threads") {
  const at::Tensor x = normal({1111, 33}, 1), w = normal({33}, 2), dy = normal({1111, 33}, 3);
  const NormResult forward = rms_norm(x, w, 1e-5);
  const std::vector<at::Tensor> grads = on_threads([&] {
    const at::Tensor grad_w = at::zeros({33});
    rms_norm_backward(dy, x, forward, w, {}, grad_w);
    return grad_w;
  });
  CHECK(grads[0].equal(grads[1]));
  CHECK(grads[0].equal(grads[2]));
}

TEST_CASE("every fp16 number widens, and every fp32 number narrows to fp16, as LibTorch's do") {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const at::Half half(static_cast<uint16_t>(bits), at::Half::from_bits());
    const float ours = widen(half), theirs = static_cast<float>(half);
    REQUIRE((ours == theirs || (ours != ours && theirs != theirs)));
  }
  const auto same = [](uint32_t bits) {
    const auto value = std::bit_cast<float>(bits);
    const uint16_t ours = narrow<at::Half>(value).x, theirs = at::Half(value).x;
    return ours == theirs || (value != value && (ours & 0x7FFF) > 0x7C00);
  };
  int64_t wrong = 0;
  for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += 257) wrong += same(static_cast<uint32_t>(bits)) ? 0 : 1;
  for (uint32_t exponent = 0; exponent < 256; ++exponent)
    for (uint32_t tail : {0x0U, 0x1U, 0xFFFU, 0x1000U, 0x1001U, 0x1FFFU, 0x2000U, 0x3000U, 0x7FF000U, 0x7FFFFFU})
      wrong += same((exponent << 23) | tail) ? 0 : 1;
  CHECK(wrong == 0);
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

}  // namespace llmrun
