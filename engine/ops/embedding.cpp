#include "engine/ops/embedding.h"

#include "engine/ops/aten.h"
#include "engine/ops/cpu.h"

namespace llmrun {

at::Tensor embed(const at::Tensor& ids, const at::Tensor& w, Interval rows) {
  return w.is_cpu() ? cpu::embed(ids, w, rows) : aten::embed(ids, w, rows);
}

void embed_backward(const at::Tensor& ids, const at::Tensor& dy, const at::Tensor& grad_w, Interval rows) {
  dy.is_cpu() ? cpu::embed_backward(ids, dy, grad_w, rows) : aten::embed_backward(ids, dy, grad_w, rows);
}

}  // namespace llmrun
