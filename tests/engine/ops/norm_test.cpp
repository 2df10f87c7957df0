#include "engine/ops/norm.h"

#include "tests/engine/ops/oracle.h"

namespace llmrun {
namespace {

constexpr double kEps = 1e-5;

at::Tensor reference_layer_norm(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b) {
  return at::layer_norm(x, {x.size(-1)}, w, b, kEps);
}
at::Tensor reference_rms_norm(const at::Tensor& x, const at::Tensor& w) { return x * at::rsqrt(x.square().mean(-1, true) + kEps) * w; }

struct Case {
  at::ScalarType dtype;
  at::Tensor x, w, b, dy, dresidual;
};
std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto dtype : kDtypes) {
    for (const auto& [tokens, hidden] : {std::array<int64_t, 2>{1, 8}, {37, 19}, {130, 257}}) {
      all.push_back({dtype, normal({tokens, hidden}, 1, dtype) + 0.5, normal({hidden}, 2, dtype) + 1, normal({hidden}, 3, dtype),
                     normal({tokens, hidden}, 4, dtype), normal({tokens, hidden}, 5, dtype)});
    }
  }
  return all;
}

}  // namespace

TEST_CASE("layer norm and its gradients are autograd's, and gradients of the weights add up") {
  for (const auto& [dtype, x, w, b, dy, dresidual] : cases()) {
    const at::Tensor rx = leaf(x), rw = leaf(w), rb = leaf(b), ry = reference_layer_norm(rx, rw, rb);
    ry.backward(dy.to(at::kFloat));
    const NormResult forward = layer_norm(x, w, b, kEps);
    CHECK(distance(forward.y, ry) < tolerance(dtype));
    const at::Tensor grad_w = at::ones_like(rw), grad_b = at::ones_like(rb);
    CHECK(distance(layer_norm_backward(dy, x, forward, w, {}, grad_w, grad_b), rx.grad()) < tolerance(dtype));
    CHECK(distance(grad_w, rw.grad() + 1) < tolerance(dtype));
    CHECK(distance(grad_b, rb.grad() + 1) < tolerance(dtype));
    CHECK(distance(layer_norm_backward(dy, x, forward, w, dresidual, grad_w, grad_b), rx.grad() + dresidual) < tolerance(dtype));
  }
}

TEST_CASE("RMS norm and its gradients are autograd's, and gradients of the weights add up") {
  for (const auto& [dtype, x, w, b, dy, dresidual] : cases()) {
    const at::Tensor rx = leaf(x), rw = leaf(w), ry = reference_rms_norm(rx, rw);
    ry.backward(dy.to(at::kFloat));
    const NormResult forward = rms_norm(x, w, kEps);
    CHECK(distance(forward.y, ry) < tolerance(dtype));
    CHECK_FALSE(forward.mean.defined());
    const at::Tensor grad_w = at::ones_like(rw);
    CHECK(distance(rms_norm_backward(dy, x, forward, w, {}, grad_w), rx.grad()) < tolerance(dtype));
    CHECK(distance(grad_w, rw.grad() + 1) < tolerance(dtype));
    CHECK(distance(rms_norm_backward(dy, x, forward, w, dresidual, grad_w), rx.grad() + dresidual) < tolerance(dtype));
  }
}

TEST_CASE("the fused add is the add, then the norm, to the bit") {
  for (const auto& [dtype, x, w, b, dy, delta] : cases()) {
    const at::Tensor sum = x + delta;
    const AddNormResult rms = add_rms_norm(x, delta, w, kEps), layer = add_layer_norm(x, delta, w, b, kEps);
    CHECK(rms.sum.equal(sum));
    CHECK(layer.sum.equal(sum));
    CHECK(rms.norm.y.equal(rms_norm(sum, w, kEps).y));
    CHECK(layer.norm.y.equal(layer_norm(sum, w, b, kEps).y));
  }
}

TEST_CASE("a row far from zero keeps its variance") {
  const at::Tensor x = normal({4, 64}, 1) * 0.1 + 1000, w = at::ones({64}), b = at::zeros({64});
  CHECK(distance(layer_norm(x, w, b, kEps).y, reference_layer_norm(x.to(at::kDouble), w.to(at::kDouble), b.to(at::kDouble))) < 2e-3);
}

TEST_CASE("a norm's weight gradients have the same bits for any number of threads") {
  const at::Tensor x = normal({1111, 33}, 1), w = normal({33}, 2), dy = normal({1111, 33}, 3);
  const NormResult forward = rms_norm(x, w, kEps);
  const std::vector<at::Tensor> grads = on_threads([&] {
    const at::Tensor grad_w = at::zeros({33});
    rms_norm_backward(dy, x, forward, w, {}, grad_w);
    return grad_w;
  });
  CHECK(grads[0].equal(grads[1]));
  CHECK(grads[0].equal(grads[2]));
}

}  // namespace llmrun
