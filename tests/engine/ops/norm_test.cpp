#include "engine/ops/norm.h"

#include "engine/ops/aten.h"
#include "engine/ops/cpu.h"
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
  for (const Path& path : paths()) {
    const auto norm = path.pick(cpu::norm, aten::norm);
    const auto norm_backward = path.pick(cpu::norm_backward, aten::norm_backward);
    for (const auto& [dtype, x, w, b, dy, dresidual] : cases()) {
      const at::Tensor rx = leaf(x), rw = leaf(w), rb = leaf(b), ry = reference_layer_norm(rx, rw, rb);
      ry.backward(dy.to(at::kFloat));
      const at::Tensor tx = path.put(x), tw = path.put(w), tdy = path.put(dy);
      const NormResult forward = norm(tx, {}, tw, path.put(b), kEps).norm;
      CHECK(distance(forward.y, ry) < tolerance(dtype));
      CHECK((forward.mean.scalar_type() == at::kFloat));
      CHECK((forward.rstd.sizes() == at::IntArrayRef({x.size(0)})));
      const at::Tensor grad_w = path.put(at::ones_like(rw)), grad_b = path.put(at::ones_like(rb));
      CHECK(distance(norm_backward(tdy, tx, forward, tw, {}, grad_w, grad_b), rx.grad()) < tolerance(dtype));
      CHECK(distance(grad_w, rw.grad() + 1) < tolerance(dtype));
      CHECK(distance(grad_b, rb.grad() + 1) < tolerance(dtype));
      CHECK(distance(norm_backward(tdy, tx, forward, tw, path.put(dresidual), grad_w, grad_b), rx.grad() + dresidual) < tolerance(dtype));
    }
  }
}

TEST_CASE("RMS norm and its gradients are autograd's, and gradients of the weights add up") {
  for (const Path& path : paths()) {
    const auto norm = path.pick(cpu::norm, aten::norm);
    const auto norm_backward = path.pick(cpu::norm_backward, aten::norm_backward);
    for (const auto& [dtype, x, w, b, dy, dresidual] : cases()) {
      const at::Tensor rx = leaf(x), rw = leaf(w), ry = reference_rms_norm(rx, rw);
      ry.backward(dy.to(at::kFloat));
      const at::Tensor tx = path.put(x), tw = path.put(w), tdy = path.put(dy);
      const NormResult forward = norm(tx, {}, tw, {}, kEps).norm;
      CHECK(distance(forward.y, ry) < tolerance(dtype));
      CHECK_FALSE(forward.mean.defined());
      CHECK((forward.rstd.sizes() == at::IntArrayRef({x.size(0)})));
      const at::Tensor grad_w = path.put(at::ones_like(rw));
      CHECK(distance(norm_backward(tdy, tx, forward, tw, {}, grad_w, {}), rx.grad()) < tolerance(dtype));
      CHECK(distance(grad_w, rw.grad() + 1) < tolerance(dtype));
      CHECK(distance(norm_backward(tdy, tx, forward, tw, path.put(dresidual), grad_w, {}), rx.grad() + dresidual) < tolerance(dtype));
    }
  }
}

TEST_CASE("the fused add is the add, then the norm, to the bit") {
  for (const Path& path : paths()) {
    const auto norm = path.pick(cpu::norm, aten::norm);
    for (const auto& [dtype, x, w, b, dy, delta] : cases()) {
      const at::Tensor sum = path.put(x + delta), tw = path.put(w);
      for (const at::Tensor& bias : {path.put(b), at::Tensor()}) {
        const AddNormResult added = norm(path.put(x), path.put(delta), tw, bias, kEps);
        CHECK(same_bits(added.sum, sum));
        CHECK(same_bits(added.norm.y, norm(sum, {}, tw, bias, kEps).norm.y));
      }
    }
  }
}

TEST_CASE("a row far from zero keeps its variance") {
  const at::Tensor x = normal({4, 64}, 1) * 0.1 + 1000, w = at::ones({64}), b = at::zeros({64});
  const at::Tensor expected = reference_layer_norm(x.to(at::kDouble), w.to(at::kDouble), b.to(at::kDouble));
  for (const Path& path : paths()) {
    const auto norm = path.pick(cpu::norm, aten::norm);
    CHECK(distance(norm(path.put(x), {}, path.put(w), path.put(b), kEps).norm.y, expected) < 2e-3);
  }
}

}  // namespace llmrun
