#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/checkpoint/piece.h"
#include "engine/model/model.h"

namespace llmrun {

/// How the next token is chosen from the logits. Temperature 0: the likeliest.
struct Sampling {
  double temperature = 0;
  int64_t top_k = 0;   // 0: all
  double top_p = 1.0;  // nucleus (Holtzman et al. 2020); 1: all
  uint64_t seed = 1;
};

/// The next token from logits of one position, fp32 [vocab]. `index` counts the tokens generated: with the seed it decides the draw.
int64_t choose_token(const at::Tensor& logits, const Sampling& sampling, uint64_t index);

/// A whole model on one process that continues a text. It sees the last max_positions tokens.
class Generator {
 public:
  Generator(const ModelShape& shape, const WeightSource& weights, Precision precision);
  /// prompt + `count` new ids. Throws Error(Exit::usage) where a prompt is empty or has an id outside the vocabulary.
  std::vector<int64_t> generate(std::vector<int64_t> prompt, int64_t count, const Sampling& sampling);

 private:
  at::Tensor next_logits(const std::vector<int64_t>& ids);
  Mesh mesh_;
  Model model_;
};

}  // namespace llmrun
