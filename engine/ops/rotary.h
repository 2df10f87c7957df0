#pragma once
#include <ATen/core/Tensor.h>

#include "engine/core/spec/config.h"

namespace llmrun {

// Rotary position embedding (Su et al. 2021) in the convention of Hugging Face's Llama: channel i of a head pairs with i + head_dim / 2.

/// Cosine and sine of position x frequency, fp32 [max_positions, head_dim / 2]. The frequencies are theta^(-2i / head_dim), stretched as
/// `scaling` says: linear (Chen et al. 2023) or by wavelength as Llama 3.1 does (Hugging Face's _compute_llama3_parameters).
struct RotaryTable {
  at::Tensor cos;
  at::Tensor sin;
};
/// `options` names the device; the dtype is always fp32. REQUIRES an even head_dim.
RotaryTable make_rotary(int64_t max_positions, int64_t head_dim, double theta, const RopeScaling& scaling,
                        const at::TensorOptions& options);

/// Rotates the query and key heads of qkv ([tokens, (heads + 2 kv_heads) head_dim]: queries, keys, values) in place; values stay.
/// positions: int64 [tokens], each below the table's max_positions. `inverse` turns back: it is the gradient.
void rotary_(const at::Tensor& qkv, int64_t heads, int64_t kv_heads, int64_t head_dim, const at::Tensor& positions,
             const RotaryTable& table, bool inverse = false);

}  // namespace llmrun
