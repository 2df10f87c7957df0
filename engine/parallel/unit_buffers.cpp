#include "engine/parallel/unit_buffers.h"

#include <ATen/ops/zeros.h>

namespace llmrun {

UnitBuffers::UnitBuffers(UnitParameters table, int64_t shards, at::ScalarType dtype, at::Device device) : table_(std::move(table)) {
  const int64_t elements = shards * shard_elements(table_.elements, shards);
  const auto options = at::TensorOptions().device(device);
  parameters_ = at::zeros({elements}, options.dtype(dtype));
  gradients_ = at::zeros({elements}, options.dtype(at::kFloat));
}

at::Tensor UnitBuffers::view(const at::Tensor& buffer, Role role) const {
  const LocalParameter* parameter = table_.find(role);
  if (parameter == nullptr) return {};
  const at::Tensor flat = buffer.narrow(0, parameter->offset, parameter->elements());
  return parameter->columns == 1 ? flat : flat.view({parameter->rows, parameter->columns});
}

}  // namespace llmrun
