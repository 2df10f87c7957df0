#include <ATen/TensorOperators.h>
#include <ATen/ops/index_select.h>

#include "engine/ops/aten.h"

namespace llmrun::aten {

void rotary_(const at::Tensor& qkv, int64_t heads, int64_t kv_heads, int64_t head_dim, const at::Tensor& positions,
             const RotaryTable& table, bool inverse) {
  const int64_t turned = heads + kv_heads, half = head_dim / 2;
  at::Tensor x = qkv.narrow(1, 0, turned * head_dim).view({qkv.size(0), turned, head_dim});
  at::Tensor first = x.narrow(2, 0, half), second = x.narrow(2, half, half);
  const at::Tensor a = first.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true);
  const at::Tensor b = second.to(at::kFloat);
  const at::Tensor cos = table.cos.index_select(0, positions).unsqueeze(1);
  const at::Tensor sin = table.sin.index_select(0, positions).unsqueeze(1) * (inverse ? -1.0 : 1.0);
  const at::Tensor rotated = b * cos + a * sin;
  first.copy_(a * cos - b * sin);
  second.copy_(rotated);
}

}  // namespace llmrun::aten
