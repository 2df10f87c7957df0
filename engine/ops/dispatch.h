#pragma once
#include <ATen/core/Tensor.h>
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include "engine/core/error.h"

namespace llmrun {

/// Calls f with a value of the C++ type that x holds: float, at::BFloat16 or at::Half, the dtypes the CPU kernels know.
template <typename F>
void with_dtype(const at::Tensor& x, const F& f) {
  switch (x.scalar_type()) {
    case at::kFloat:
      return f(float{});
    case at::kBFloat16:
      return f(at::BFloat16{});
    case at::kHalf:
      return f(at::Half{});
    default:
      throw Error(Exit::config, "no CPU kernel computes in '{}'", c10::toString(x.scalar_type()))
          .hint("train.precision: fp32, bf16 or fp16");
  }
}

}  // namespace llmrun
