#include "engine/parallel/tensor_region.h"

#include <ATen/ops/empty.h>

#include <vector>

namespace llmrun {
namespace {

at::Tensor empty_with_rows(const at::Tensor& like, int64_t rows) {
  std::vector<int64_t> sizes = like.sizes().vec();
  sizes[0] = rows;
  return at::empty(sizes, like.options());
}

}  // namespace

at::Tensor TensorRegion::enter(const at::Tensor& x) const {
  if (!sequence_parallel_) return x;
  at::Tensor whole = empty_with_rows(x, x.size(0) * tensor_.size());
  tensor_.all_gather(whole, x.contiguous()).wait();
  return whole;
}

at::Tensor TensorRegion::leave(at::Tensor partial) const {
  if (!sequence_parallel_) {
    tensor_.all_reduce(partial).wait();
    return partial;
  }
  at::Tensor mine = empty_with_rows(partial, partial.size(0) / tensor_.size());
  tensor_.reduce_scatter(mine, partial).wait();
  return mine;
}

at::Tensor TensorRegion::slice(const at::Tensor& whole) const {
  if (!sequence_parallel_) return whole;
  const int64_t rows = whole.size(0) / tensor_.size();
  return whole.narrow(0, tensor_.rank() * rows, rows);
}

}  // namespace llmrun
