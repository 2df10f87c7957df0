#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/gelu_backward.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/silu_backward.h>

#include "engine/ops/aten.h"

namespace llmrun::aten {

at::Tensor gelu_tanh(const at::Tensor& h) { return at::gelu(h, "tanh"); }

at::Tensor gelu_tanh_backward(const at::Tensor& dy, const at::Tensor& h) { return at::gelu_backward(dy, h, "tanh"); }

at::Tensor swiglu(const at::Tensor& gate_up) {
  const int64_t ffn = gate_up.size(1) / 2;
  return at::silu(gate_up.narrow(1, 0, ffn)) * gate_up.narrow(1, ffn, ffn);
}

at::Tensor swiglu_backward(const at::Tensor& dy, const at::Tensor& gate_up) {
  const int64_t ffn = gate_up.size(1) / 2;
  const at::Tensor gate = gate_up.narrow(1, 0, ffn).to(at::kFloat);
  at::Tensor dgate_up = at::empty_like(gate_up), d = dy.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true);
  dgate_up.narrow(1, ffn, ffn).copy_(at::silu(gate).mul_(d));
  d.mul_(gate_up.narrow(1, ffn, ffn));
  dgate_up.narrow(1, 0, ffn).copy_(at::silu_backward_out(d, d, gate));
  return dgate_up;
}

}  // namespace llmrun::aten
