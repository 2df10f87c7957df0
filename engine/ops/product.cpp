#include "engine/ops/product.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/mm.h>

namespace llmrun {

at::Tensor product_in_fp32(const at::Tensor& a, const at::Tensor& b) {
  if (a.scalar_type() == at::kFloat) return at::mm(a, b);
  if (!a.is_cpu()) return at::mm(a, b, at::kFloat);
  return a.scalar_type() == at::kHalf ? at::mm(a.to(at::kFloat), b.to(at::kFloat)) : at::mm(a, b).to(at::kFloat);
}

void product_into(const at::Tensor& total, const at::Tensor& a, const at::Tensor& b, bool accumulate) {
  at::Tensor out = total;
  if (a.scalar_type() == at::kFloat) {
    accumulate ? at::addmm_out(out, total, a, b) : at::mm_out(out, a, b);
  } else if (!a.is_cpu()) {
    accumulate ? at::addmm_out(out, total, a, b, at::kFloat) : at::mm_out(out, a, b, at::kFloat);
  } else if (a.scalar_type() == at::kHalf) {
    product_into(total, a.to(at::kFloat), b.to(at::kFloat), accumulate);
  } else {
    accumulate ? out.add_(at::mm(a, b)) : out.copy_(at::mm(a, b));
  }
}

}  // namespace llmrun
