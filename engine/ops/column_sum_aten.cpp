#include <ATen/ops/sum.h>

#include "engine/ops/aten.h"

namespace llmrun::aten {

void add_column_sums(const at::Tensor& x, const at::Tensor& total, bool accumulate) {
  const at::Tensor sums = at::sum(x, 0, /*keepdim=*/false, at::kFloat);
  accumulate ? total.add_(sums) : total.copy_(sums);
}

}  // namespace llmrun::aten
