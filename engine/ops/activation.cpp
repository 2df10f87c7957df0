#include "engine/ops/activation.h"

#include "engine/ops/aten.h"
#include "engine/ops/cpu.h"

namespace llmrun {

at::Tensor gelu_tanh(const at::Tensor& h) { return h.is_cpu() ? cpu::gelu_tanh(h) : aten::gelu_tanh(h); }

at::Tensor gelu_tanh_backward(const at::Tensor& dy, const at::Tensor& h) {
  return h.is_cpu() ? cpu::gelu_tanh_backward(dy, h) : aten::gelu_tanh_backward(dy, h);
}

at::Tensor swiglu(const at::Tensor& gate_up) { return gate_up.is_cpu() ? cpu::swiglu(gate_up) : aten::swiglu(gate_up); }

at::Tensor swiglu_backward(const at::Tensor& dy, const at::Tensor& gate_up) {
  return gate_up.is_cpu() ? cpu::swiglu_backward(dy, gate_up) : aten::swiglu_backward(dy, gate_up);
}

}  // namespace llmrun
