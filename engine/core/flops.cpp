#include "engine/core/flops.h"

namespace llmrun {

double peak_tflops(const NodeConfig& node, Precision precision) {
  return precision == Precision::fp32 ? node.peak_tflops_fp32 : node.peak_tflops_bf16;
}

ForwardFlops forward_flops(const ModelShape& shape, int64_t seq_len) {
  const double query = static_cast<double>(shape.heads * shape.head_dim), key = static_cast<double>(shape.kv_heads * shape.head_dim);
  const double hidden = static_cast<double>(shape.hidden), ffn = static_cast<double>(shape.ffn);
  const double attention_weights = hidden * (query + 2 * key) + query * hidden;
  const double mlp_weights = hidden * ffn * (shape.activation == Activation::swiglu ? 3 : 2);

  return {2 * (attention_weights + mlp_weights), 4 * query * static_cast<double>(seq_len), 2 * hidden * static_cast<double>(shape.vocab)};
}

TokenFlops flops_per_token(const ModelShape& shape, int64_t seq_len, bool full_recompute) {
  const ForwardFlops forward = forward_flops(shape, seq_len);
  const double layers = static_cast<double>(shape.layers);
  const double blocks = 3 * layers * forward.block_weights;
  const double attention = 3 * layers * forward.attention;
  const double head = 3 * forward.head;

  const double forwards = full_recompute ? 4.0 / 3.0 : 1.0;  // backward costs two forwards
  return {blocks + attention + head, blocks + attention / 2 + head, forwards * (blocks + attention) + head};
}

}  // namespace llmrun
