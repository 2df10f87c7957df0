#include "engine/train/generate.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/max.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/sort.h>

#include <algorithm>
#include <cmath>

#include "engine/core/error.h"
#include "engine/core/philox.h"
#include "engine/train/saved_state.h"

namespace llmrun {
namespace {

ModelOptions whole_model(const ModelShape& shape, Precision precision) {
  ModelOptions options;
  options.shape = shape;
  options.precision = precision;
  options.seq_len = shape.max_positions;
  options.shape.dropout = 0;
  return options;
}

}  // namespace

int64_t choose_token(const at::Tensor& logits, const Sampling& sampling, uint64_t index) {
  if (!std::isfinite(at::max(logits).item<double>()))  // a NaN is the greatest of all
    throw Error(Exit::numerics, "the model gives no likeliest token: its weights, or what they make of this prompt, are not finite")
        .hint("another checkpoint, or another copy of the weights");
  if (sampling.temperature <= 0) return at::argmax(logits).item<int64_t>();
  const at::Tensor probabilities = at::softmax(logits.to(at::kDouble).div(sampling.temperature), 0);
  auto [sorted, ids] = at::sort(probabilities, /*dim=*/0, /*descending=*/true);
  const double* p = sorted.const_data_ptr<double>();
  int64_t kept = 0;
  double mass = 0;
  const int64_t most = sampling.top_k > 0 ? std::min(sampling.top_k, sorted.numel()) : sorted.numel();
  while (kept < most && (kept == 0 || mass < sampling.top_p)) mass += p[kept++];
  double draw = philox_uniform(philox(sampling.seed, stream_named("sampling"), index)[0]) * mass;
  int64_t chosen = 0;
  while (chosen + 1 < kept && draw >= p[chosen]) draw -= p[chosen++];
  return ids.const_data_ptr<int64_t>()[chosen];
}

Generator::Generator(const ModelShape& shape, const WeightSource& weights, Precision precision)
    : mesh_(make_solo("world", Purpose::control), Layout{}, shape.kv_heads), model_(whole_model(shape, precision), mesh_) {
  const at::NoGradGuard no_grad;
  load_weights(model_, weights);
}

std::vector<int64_t> Generator::generate(std::vector<int64_t> ids, int64_t count, const Sampling& sampling) {
  const at::NoGradGuard no_grad;
  if (ids.empty()) throw Error(Exit::usage, "the prompt is empty").hint("--prompt 'In the beginning'");
  for (int64_t id : ids)
    if (id < 0 || id >= model_.shape().vocab)
      throw Error(Exit::usage, "prompt id {} is outside the vocabulary of {}", id, model_.shape().vocab)
          .hint("--prompt-ids with numbers from 0 to {}", model_.shape().vocab - 1);
  for (int64_t i = 0; i < count; ++i) ids.push_back(choose_token(next_logits(ids), sampling, static_cast<uint64_t>(i)));
  return ids;
}

at::Tensor Generator::next_logits(const std::vector<int64_t>& ids) {
  const int64_t window = std::min<int64_t>(static_cast<int64_t>(ids.size()), model_.shape().max_positions);
  std::vector<int64_t> sample(ids.end() - window, ids.end());
  sample.push_back(0);  // the target of the last position, which nobody reads
  const MicroBatch batch = make_micro_batch({1, window, 0, sample.data()}, {}, {}, model_.stage().device);
  at::Tensor x;
  for (const std::unique_ptr<Unit>& unit : model_.stage().units) {
    if (unit.get() == model_.head()) break;
    Saved dropped;
    x = unit->forward(x, batch, dropped);
  }
  return model_.head()->logits(x.narrow(0, window - 1, 1)).flatten();
}

}  // namespace llmrun
