#include "engine/ops/attention_documents.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <cassert>
#include <limits>
#include <vector>

#include "engine/core/layout.h"

namespace llmrun {
namespace {

/// Queries of a sample, all that see the same keys but for the causal mask between them.
struct Segment {
  int64_t sample;
  Interval queries, keys;

  at::Tensor queries_of(const at::Tensor& view) const { return view.narrow(0, sample, 1).narrow(1, queries.begin, queries.size()); }
  at::Tensor keys_of(const at::Tensor& view) const { return view.narrow(0, sample, 1).narrow(1, keys.begin, keys.size()); }
  at::Tensor lse_of(const at::Tensor& lse) const { return lse.narrow(0, sample, 1).narrow(2, queries.begin, queries.size()); }
  AttentionHeads heads_of(const AttentionHeads& heads) const { return {queries_of(heads.query), keys_of(heads.key), keys_of(heads.value)}; }
};

/// Those that see a key.
std::vector<Segment> segments_of(const AttentionHeads& heads, const AttentionMask& mask) {
  const int64_t queries = heads.query.size(1), keys = heads.key.size(1);
  std::vector<Segment> segments;
  for (int64_t sample = 0; sample < heads.query.size(0); ++sample) {
    const int64_t* first = mask.first.const_data_ptr<int64_t>() + sample * queries;
    for (int64_t begin = 0, end = 0; begin < queries; begin = end) {
      while (end < queries && first[end] == first[begin]) ++end;
      assert(!mask.causal || first[begin] == begin);
      const Interval seen{first[begin], mask.causal ? end : keys};
      if (seen.size() > 0) segments.push_back({sample, {begin, end}, seen});
    }
  }
  return segments;
}

}  // namespace

AttentionResult attention_forward_by_document(const AttentionHeads& heads, const AttentionMask& mask, AttentionKind kind,
                                              AttentionForward& dense) {
  const at::Tensor& query = heads.query;
  AttentionResult all;
  all.out = at::zeros(query.sizes(), query.options());
  all.lse =
      at::full({query.size(0), query.size(2), query.size(1)}, -std::numeric_limits<float>::infinity(), query.options().dtype(at::kFloat));
  for (const Segment& segment : segments_of(heads, mask)) {
    const AttentionResult part = dense(segment.heads_of(heads), {mask.causal, {}}, kind);
    segment.queries_of(all.out).copy_(part.out);
    segment.lse_of(all.lse).copy_(part.lse.narrow(2, 0, segment.queries.size()));
    all.seed = part.seed;  // dropout is off: any segment's will do
    all.offset = part.offset;
  }
  return all;
}

void attention_backward_by_document(const at::Tensor& dout, const AttentionHeads& heads, const AttentionMask& mask,
                                    const AttentionResult& forward, AttentionKind kind, const AttentionHeads& gradients,
                                    AttentionBackward& dense) {
  gradients.query.zero_();
  const auto wide = [&](const at::Tensor& of) { return at::zeros(of.sizes(), of.options().dtype(at::kFloat)); };
  const at::Tensor dkey = wide(gradients.key), dvalue = wide(gradients.value);  // segments may see the same keys
  for (const Segment& segment : segments_of(heads, mask)) {
    const AttentionHeads here = segment.heads_of(heads);
    const AttentionHeads part{segment.queries_of(gradients.query), at::empty(here.key.sizes(), here.key.options()),
                              at::empty(here.value.sizes(), here.value.options())};
    const AttentionResult result{segment.queries_of(forward.out), segment.lse_of(forward.lse).contiguous(), forward.seed, forward.offset};
    dense(segment.queries_of(dout), here, {mask.causal, {}}, result, kind, part);
    segment.keys_of(dkey).add_(part.key);
    segment.keys_of(dvalue).add_(part.value);
  }
  gradients.key.copy_(dkey);
  gradients.value.copy_(dvalue);
}

}  // namespace llmrun
