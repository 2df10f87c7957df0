#include "engine/parallel/micro_batch.h"

#include <ATen/ops/empty.h>

namespace llmrun {

MicroBatch make_micro_batch(const int64_t* samples, int64_t batch, int64_t seq, int64_t first_sample, at::Device device) {
  const int64_t tokens = batch * seq;
  at::Tensor rows = at::empty({4, tokens}, at::TensorOptions().dtype(at::kLong));  // one copy takes all four to a GPU
  int64_t* ids = rows.mutable_data_ptr<int64_t>();
  int64_t* targets = ids + tokens;
  int64_t* positions = targets + tokens;
  int64_t* token_index = positions + tokens;
  for (int64_t sample = 0; sample < batch; ++sample) {
    for (int64_t position = 0; position < seq; ++position) {
      const int64_t token = sample * seq + position;
      ids[token] = samples[sample * (seq + 1) + position];
      targets[token] = samples[sample * (seq + 1) + position + 1];
      positions[token] = position;
      token_index[token] = (first_sample + sample) * seq + position;
    }
  }
  rows = rows.to(device);
  return {batch, seq, rows.select(0, 0), rows.select(0, 1), rows.select(0, 2), rows.select(0, 3)};
}

}  // namespace llmrun
