#include "engine/parallel/unit_buffers.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

namespace llmrun {

UnitBuffers::UnitBuffers(UnitParameters table, int64_t shards, at::ScalarType dtype, at::Device device)
    : table_(std::move(table)),
      elements_(shards * shard_elements(table_.elements, shards)),
      parameter_options_(at::TensorOptions().device(device).dtype(dtype)),
      gradient_options_(at::TensorOptions().device(device).dtype(at::kFloat)) {}

at::Tensor UnitBuffers::new_shard_of_parameters(int64_t elements) const { return at::zeros({elements}, parameter_options_); }
at::Tensor UnitBuffers::empty_parameters(int64_t elements) const { return at::empty({elements}, parameter_options_); }
at::Tensor UnitBuffers::new_shard(int64_t elements) const { return at::zeros({elements}, gradient_options_); }

at::Tensor UnitBuffers::view(const at::Tensor& buffer, Role role) const {
  const LocalParameter* parameter = table_.find(role);
  if (parameter == nullptr) return {};
  const at::Tensor flat = buffer.narrow(0, parameter->offset, parameter->elements());
  return parameter->vector ? flat : flat.view({parameter->rows, parameter->columns});
}

}  // namespace llmrun
