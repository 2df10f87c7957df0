#include "engine/ops/dropout.h"

#include "engine/ops/aten.h"
#include "engine/ops/cpu.h"

namespace llmrun {

void dropout_(const at::Tensor& x, double p, const DropoutKey& key, const at::Tensor& token_index, int64_t first_channel) {
  if (p == 0) return;
  const auto drop = x.is_cpu() ? cpu::dropout_ : aten::dropout_;
  drop(x, p, key, token_index, first_channel);
}

}  // namespace llmrun
