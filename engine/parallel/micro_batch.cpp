#include "engine/parallel/micro_batch.h"

#include <ATen/ops/empty.h>

namespace llmrun {

MicroBatch make_micro_batch(const int64_t* samples, int64_t batch, int64_t seq, int64_t first_sample, at::Device device) {
  const auto integers = at::TensorOptions().dtype(at::kLong);
  MicroBatch made{batch, seq, at::empty({batch * seq}, integers), at::empty({batch * seq}, integers),
                  at::empty({batch * seq}, integers), at::empty({batch * seq}, integers)};
  int64_t* ids = made.ids.mutable_data_ptr<int64_t>();
  int64_t* targets = made.targets.mutable_data_ptr<int64_t>();
  int64_t* positions = made.positions.mutable_data_ptr<int64_t>();
  int64_t* token_index = made.token_index.mutable_data_ptr<int64_t>();
  for (int64_t sample = 0; sample < batch; ++sample) {
    for (int64_t position = 0; position < seq; ++position) {
      const int64_t token = sample * seq + position;
      ids[token] = samples[sample * (seq + 1) + position];
      targets[token] = samples[sample * (seq + 1) + position + 1];
      positions[token] = position;
      token_index[token] = (first_sample + sample) * seq + position;
    }
  }
  for (at::Tensor* tensor : {&made.ids, &made.targets, &made.positions, &made.token_index}) *tensor = tensor->to(device);
  return made;
}

}  // namespace llmrun
