#include <ATen/TensorOperators.h>
#include <ATen/ops/index_put.h>
#include <ATen/ops/index_select.h>

#include "engine/ops/aten.h"

namespace llmrun::aten {
namespace {

/// Which ids this rank holds, as a column, and where: 0 for the others.
struct Held {
  at::Tensor mask;   // bool [tokens, 1]
  at::Tensor local;  // int64 [tokens]
};
Held held(const at::Tensor& ids, Interval rows) {
  const at::Tensor mask = ids.ge(rows.begin).logical_and_(ids.lt(rows.end));
  return {mask.unsqueeze(1), (ids - rows.begin).masked_fill_(mask.logical_not(), 0)};
}

}  // namespace

at::Tensor embed(const at::Tensor& ids, const at::Tensor& w, Interval rows) {
  const Held here = held(ids, rows);
  return w.index_select(0, here.local).mul_(here.mask);
}

void embed_backward(const at::Tensor& ids, const at::Tensor& dy, const at::Tensor& grad_w, Interval rows) {
  const Held here = held(ids, rows);
  // Sorts the ids and sums each row's gradients in turn; index_add_ would add them atomically, in another order each time. In place:
  // embedding_dense_backward makes a second table, of 10 GB for 420,000 positions of 6,144 channels.
  at::Tensor total = grad_w;
  at::index_put_(total, {here.local}, dy.to(at::kFloat) * here.mask, /*accumulate=*/true);
}

}  // namespace llmrun::aten
