#pragma once
#include <cstdint>

#include "engine/core/model_shape.h"

namespace llmrun {

/// Floating point operations of one training step (forward and backward), for one token of a sequence of `seq_len`.
/// A multiplication and an addition count as two. Only matrix products count, as in every published figure.
struct TokenFlops {
  double model = 0;         // attention in full: what `mfu` and `tflops_per_rank` mean (PaLM, Chowdhery et al. 2022, appendix B)
  double model_causal = 0;  // attention by halves: a causal kernel skips the upper triangle
  double hardware = 0;      // `model` and what recompute does again: what Megatron-DeepSpeed prints
};

/// Of one GPU, by the machine's profile; 0 where it does not say.
double peak_tflops(const NodeConfig& node, Precision precision);

/// One forward of one token, by what takes part: a matrix product with a weight costs the same again for the gradient of its input and for
/// that of the weight; attention has no weight, and twice its forward for the gradient of its input.
struct ForwardFlops {
  double block_weights = 0;  // of one block
  double attention = 0;      // of one block, in full
  double head = 0;
};
ForwardFlops forward_flops(const ModelShape& shape, int64_t seq_len);

/// model = 6 N + 12 layers heads head_dim seq_len, N = parameters that multiply a token (with the output projection, tied or not).
/// For GPT this is equation 7 of Korthikanti et al. 2022; `hardware` with full recompute is equation 3 of Narayanan et al. 2021:
/// the blocks run forward twice, the head does not.
/// With selective recompute only attention is run again. `layers` of the blocks recompute `how`.
TokenFlops flops_per_token(const ModelShape& shape, int64_t seq_len, Recompute how, int64_t layers);

/// Of a run, by its plan.
struct Plan;
TokenFlops flops_per_token(const Plan& plan);

}  // namespace llmrun
