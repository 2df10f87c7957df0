#pragma once
#include "engine/core/layout.h"
#include "engine/ops/dropout.h"
#include "engine/ops/norm.h"
#include "engine/ops/rotary.h"

/// Our own loops for a CPU, by the name and to the contract of the public headers, which choose between these and aten.h. Threads of
/// at::parallel_for; fp32 arithmetic whatever the dtype; sums over tokens in an order that does not depend on the number of threads.
namespace llmrun::cpu {

at::Tensor gelu_tanh(const at::Tensor& h);
at::Tensor gelu_tanh_backward(const at::Tensor& dy, const at::Tensor& h);
at::Tensor swiglu(const at::Tensor& gate_up);
at::Tensor swiglu_backward(const at::Tensor& dy, const at::Tensor& gate_up);

void add_column_sums(const at::Tensor& x, const at::Tensor& total, bool accumulate);

void dropout_(const at::Tensor& x, double p, const DropoutKey& key, const at::Tensor& token_index, int64_t first_channel);

at::Tensor embed(const at::Tensor& ids, const at::Tensor& w, Interval rows);
void embed_backward(const at::Tensor& ids, const at::Tensor& dy, const at::Tensor& grad_w, Interval rows);

/// Both norms of norm.h, one pass over memory each way. `delta` undefined: no add, and `sum` stays undefined. `b` undefined: RMSNorm,
/// no mean.
AddNormResult norm(const at::Tensor& x, const at::Tensor& delta, const at::Tensor& w, const at::Tensor& b, double eps);
/// RMSNorm where forward.mean is undefined (and then grad_b is).
at::Tensor norm_backward(const at::Tensor& dy, const at::Tensor& x, const NormResult& forward, const at::Tensor& w,
                         const at::Tensor& dresidual, const at::Tensor& grad_w, const at::Tensor& grad_b);

void rotary_(const at::Tensor& qkv, int64_t heads, int64_t kv_heads, int64_t head_dim, const at::Tensor& positions,
             const RotaryTable& table, bool inverse);

// REQUIRE at least one column.
at::Tensor largest_of_rows(const at::Tensor& logits);
at::Tensor sums_of_rows(const at::Tensor& logits, const at::Tensor& largest, const at::Tensor& targets, Interval rows);
void turn_into_gradient(const at::Tensor& exponentials, const at::Tensor& sums, const at::Tensor& targets, Interval rows);

}  // namespace llmrun::cpu
