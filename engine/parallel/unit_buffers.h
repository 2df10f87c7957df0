#pragma once
#include <ATen/core/Tensor.h>

#include "engine/core/parameters.h"

namespace llmrun {

/// A unit's parameters and gradients on this rank: one flat buffer each, in which every parameter is a view. The buffers are as long as
/// `shards` equal shards (ZeRO), so that a reduce-scatter or an all-gather needs no copy; what no parameter covers stays zero.
/// A buffer may be away (undefined) while no unit works with it: ShardedState brings it, and takes it away, under ZeRO 2 and 3.
class UnitBuffers {
 public:
  /// Parameters are `dtype` (the compute precision), gradients fp32. Both are away.
  UnitBuffers(UnitParameters table, int64_t shards, at::ScalarType dtype, at::Device device);

  const UnitParameters& table() const { return table_; }
  at::Device device() const { return parameter_options_.device(); }
  int64_t elements() const { return elements_; }    // of a whole buffer
  at::Tensor& parameters() { return parameters_; }  // [elements]
  at::Tensor& gradients() { return gradients_; }    // [elements]
  // Zeros, as they would be: whole, or of some elements.
  at::Tensor new_parameters() const { return new_shard_of_parameters(elements_); }
  at::Tensor new_gradients() const { return new_shard(elements_); }
  at::Tensor new_shard_of_parameters(int64_t elements) const;  // compute precision
  at::Tensor new_shard(int64_t elements) const;                // fp32
  at::Tensor empty_parameters(int64_t elements) const;         // uninitialised, compute precision

  /// A parameter and its gradient: [rows, columns], or [rows] for a vector. Undefined where this unit has none.
  at::Tensor weight(Role role) const { return view(parameters_, role); }
  at::Tensor gradient(Role role) const { return view(gradients_, role); }

 private:
  at::Tensor view(const at::Tensor& buffer, Role role) const;
  UnitParameters table_;
  int64_t elements_;
  at::TensorOptions parameter_options_, gradient_options_;
  at::Tensor parameters_, gradients_;
};

}  // namespace llmrun
