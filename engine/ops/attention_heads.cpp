#include "engine/ops/attention_heads.h"

#include <ATen/ops/empty.h>

#include <cmath>

#include "engine/core/error.h"

namespace llmrun {
namespace {

void check_view(const at::Tensor& view) {
  if (view.dim() == 4 && view.stride(3) == 1) return;
  throw Error(Exit::failed, "attention wants views of [batch, tokens, heads, head_dim] whose channels lie side by side");
}

}  // namespace

AttentionSizes::AttentionSizes(const AttentionHeads& of)
    : batch(of.query.size(0)),
      queries(of.query.size(1)),
      keys(of.key.size(1)),
      heads(of.query.size(2)),
      kv_heads(of.key.size(2)),
      head_dim(of.query.size(3)),
      group(heads / kv_heads),
      scale(static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_dim)))) {
  for (const at::Tensor& view : {of.query, of.key, of.value}) check_view(view);
}

AttentionResult empty_result(const at::Tensor& query) {
  return {at::empty(query.sizes(), query.options()),
          at::empty({query.size(0), query.size(2), query.size(1)}, query.options().dtype(at::kFloat))};
}

}  // namespace llmrun
