#include "engine/ops/linear.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/mm.h>

#include "engine/ops/column_sum.h"
#include "engine/ops/product.h"

namespace llmrun {

at::Tensor linear(const at::Tensor& x, const at::Tensor& w, const at::Tensor& b) {
  return b.defined() ? at::addmm(b, x, w.t()) : at::mm(x, w.t());
}

at::Tensor linear_backward_input(const at::Tensor& dy, const at::Tensor& w) { return at::mm(dy, w); }

void linear_backward_weight(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& grad_w, const at::Tensor& grad_b,
                            bool accumulate) {
  product_into(grad_w, dy.t(), x, accumulate);
  if (grad_b.defined()) add_column_sums(dy, grad_b, accumulate);
}

}  // namespace llmrun
