#pragma once
#include <ATen/core/Tensor.h>

#include "engine/core/layout.h"

namespace llmrun {

// A table of vectors by id, whole or one rank's rows of it. Used for tokens (rows split over the tensor axis) and learned positions.

/// ids: int64 [tokens]; w: [rows held, hidden], whose row 0 is row rows.begin of the whole table; rows of w past rows.size() are padding.
/// Returns [tokens, hidden] in the dtype of w, with zeros where an id is outside `rows`: the caller sums over the tensor axis.
at::Tensor embed(const at::Tensor& ids, const at::Tensor& w, Interval rows);

/// grad_w (fp32 [rows held, hidden]) grows by dy ([tokens, hidden]) at the rows of ids; ids outside `rows` add nothing.
/// Each row is summed in token order: the same bits for any number of threads.
void embed_backward(const at::Tensor& ids, const at::Tensor& dy, const at::Tensor& grad_w, Interval rows);

}  // namespace llmrun
