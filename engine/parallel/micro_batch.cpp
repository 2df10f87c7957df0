#include "engine/parallel/micro_batch.h"

#include <ATen/ops/empty.h>

#include "engine/core/sequence_slice.h"

namespace llmrun {
namespace {

/// One copy takes all four to a GPU.
class TokenRows {
 public:
  explicit TokenRows(int64_t tokens) : rows_(at::empty({4, tokens}, at::TensorOptions().dtype(at::kLong))), tokens_(tokens) {}
  void add(int64_t id, int64_t target, int64_t position, int64_t index) {
    int64_t* at = rows_.mutable_data_ptr<int64_t>() + added_++;
    for (const int64_t value : {id, target, position, index}) {
      *at = value;
      at += tokens_;
    }
  }
  const at::Tensor& rows() const { return rows_; }

 private:
  at::Tensor rows_;  // ids, targets, positions, indices
  int64_t tokens_, added_ = 0;
};

/// f(sample, position), over the positions of `slice` in each sample.
template <typename F>
void for_each_token(int64_t batch, const std::vector<Interval>& slice, const F& f) {
  for (int64_t sample = 0; sample < batch; ++sample)
    for (const Interval& interval : slice)
      for (int64_t position = interval.begin; position < interval.end; ++position) f(sample, position);
}

}  // namespace

MicroBatch make_micro_batch(const Samples& samples, const Layout& layout, const Coordinates& where, at::Device device) {
  const int64_t width = samples.seq + 1, local = slice_tokens(samples.seq, layout);
  const auto document = [&](int64_t sample, int64_t position) {
    return samples.documents != nullptr ? samples.documents[sample * width + position] : 0;
  };
  TokenRows tokens(samples.batch * local);
  for_each_token(samples.batch, sequence_slice(samples.seq, layout, where), [&](int64_t sample, int64_t position) {
    const int64_t* at = samples.tokens + sample * width + position;
    const bool ends = document(sample, position + 1) > position;
    tokens.add(at[0], ends ? -1 : at[1], position - document(sample, position), (samples.first + sample) * samples.seq + position);
  });
  const at::Tensor rows = tokens.rows().to(device);
  MicroBatch made{samples.batch, local, rows.select(0, 0), rows.select(0, 1), rows.select(0, 2), rows.select(0, 3), {}};
  if (samples.documents == nullptr) return made;

  made.documents = at::empty({samples.batch, samples.seq / layout.context}, at::TensorOptions().dtype(at::kLong));
  int64_t* begin = made.documents.mutable_data_ptr<int64_t>();
  for_each_token(samples.batch, context_slice(samples.seq, layout, where),
                 [&](int64_t sample, int64_t position) { *begin++ = document(sample, position); });
  return made;
}

}  // namespace llmrun
