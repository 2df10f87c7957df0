#include "engine/ops/linear.h"

#include <ATen/Parallel.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>

#include "engine/ops/column_sum.h"

namespace llmrun {

at::Tensor linear(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b) {
  return b.defined() ? at::addmm(b, x, w.t()) : at::mm(x, w.t());
}

at::Tensor linear_backward_input(const at::Tensor& dy, const at::Tensor& w) { return at::mm(dy, w); }

void linear_backward_weight(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& grad_w, const at::Tensor& grad_b,
                            bool accumulate) {
  at::Tensor out = grad_w;
  if (dy.scalar_type() == at::kFloat && accumulate) {
    at::addmm_out(out, grad_w, dy.t(), x);
  } else if (dy.scalar_type() == at::kFloat) {
    at::mm_out(out, dy.t(), x);
  } else {
    // One micro-batch's product is summed in fp32 inside the GEMM. On a GPU it stays so; oneDNN's result is rounded to bf16 once.
    const at::Tensor product = dy.is_cuda() ? at::mm(dy.t(), x, at::kFloat) : at::mm(dy.t(), x);
    accumulate ? out.add_(product) : out.copy_(product);
  }
  if (grad_b.defined()) add_column_sums(dy, grad_b, accumulate);
}

}  // namespace llmrun
