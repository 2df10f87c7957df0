#pragma once
#include <ATen/core/Tensor.h>

#include "engine/core/parameters.h"

namespace llmrun {

/// A unit's parameters and gradients on this rank: one flat buffer each, in which every parameter is a view. The buffers are as long as
/// `shards` equal shards (ZeRO), so that a reduce-scatter or an all-gather needs no copy; what no parameter covers stays zero.
class UnitBuffers {
 public:
  /// Parameters are `dtype` (the compute precision), gradients fp32.
  UnitBuffers(UnitParameters table, int64_t shards, at::ScalarType dtype, at::Device device);

  const UnitParameters& table() const { return table_; }
  at::Tensor& parameters() { return parameters_; }  // [elements]
  at::Tensor& gradients() { return gradients_; }    // [elements]

  /// A parameter and its gradient: [rows, columns], or [rows] for a vector. Undefined where this unit has none.
  at::Tensor weight(Role role) const { return view(parameters_, role); }
  at::Tensor gradient(Role role) const { return view(gradients_, role); }

 private:
  at::Tensor view(const at::Tensor& buffer, Role role) const;
  UnitParameters table_;
  at::Tensor parameters_, gradients_;
};

}  // namespace llmrun
