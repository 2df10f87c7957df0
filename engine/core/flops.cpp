#include "engine/core/flops.h"

#include "engine/core/plan.h"
#include "engine/core/recompute.h"

namespace llmrun {

double peak_tflops(const NodeConfig& node, Precision precision) {
  switch (precision) {
    case Precision::fp32:
      return node.peak_tflops_fp32;
    case Precision::bf16:
      return node.peak_tflops_bf16;
    case Precision::fp16:
      return node.peak_tflops_fp16;
    case Precision::fp8:
      break;
  }
  return 0;
}

ForwardFlops forward_flops(const ModelShape& shape, int64_t seq_len) {
  const double query = static_cast<double>(shape.heads * shape.head_dim), key = static_cast<double>(shape.kv_heads * shape.head_dim);
  const double hidden = static_cast<double>(shape.hidden), ffn = static_cast<double>(shape.ffn);
  const double attention_weights = hidden * (query + 2 * key) + query * hidden;
  const double mlp_weights = hidden * ffn * (shape.activation == Activation::swiglu ? 3 : 2);

  return {2 * (attention_weights + mlp_weights), 4 * query * static_cast<double>(seq_len), 2 * hidden * static_cast<double>(shape.vocab)};
}

TokenFlops flops_per_token(const ModelShape& shape, int64_t seq_len, Recompute how, int64_t recomputed) {
  const ForwardFlops forward = forward_flops(shape, seq_len);
  const double layers = static_cast<double>(shape.layers);
  const double blocks = 3 * layers * forward.block_weights;
  const double attention = 3 * layers * forward.attention;
  const double head = 3 * forward.head;

  const double once = how == Recompute::none ? 0 : forward.attention + (how == Recompute::full ? forward.block_weights : 0);
  const double again = static_cast<double>(recomputed) * once;
  return {blocks + attention + head, blocks + attention / 2 + head, blocks + attention + again + head};
}

TokenFlops flops_per_token(const Plan& plan) {
  const ParallelConfig& parallel = plan.config.parallel;
  return flops_per_token(plan.model, plan.config.train.seq_len, parallel.recompute, recomputed_layers(plan.model, plan.layout, parallel));
}

}  // namespace llmrun
