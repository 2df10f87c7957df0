#include "engine/parallel/ring_attention.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/logaddexp.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <utility>

#include "engine/core/sequence_slice.h"

namespace llmrun {
namespace {

/// What a rank's queries see of the keys of rank `source`: a part of the queries, a part of the keys, causal or whole.
struct Meeting {
  Interval queries, keys;
  bool causal;
};
Meeting meet(int rank, int source, int64_t tokens) {
  const Interval all{0, tokens}, first_half{0, tokens / 2}, second_half{tokens / 2, tokens};
  if (source == rank) return {all, all, true};
  return source < rank ? Meeting{all, first_half, false} : Meeting{second_half, all, false};
}

at::Tensor tokens_of(const at::Tensor& view, Interval tokens) { return view.narrow(1, tokens.begin, tokens.size()); }

/// Keys and values as they travel: [2, batch, tokens, kv_heads, head_dim].
at::Tensor pack(const AttentionHeads& heads) {
  at::Tensor packed = at::empty({2, heads.key.size(0), heads.key.size(1), heads.key.size(2), heads.key.size(3)}, heads.key.options());
  packed[0].copy_(heads.key);
  packed[1].copy_(heads.value);
  return packed;
}

/// The first key that each query sees of what a meeting shows, where documents begin at `documents`. Keys that a query may not see because
/// of their document all come before those that it may.
AttentionMask mask_of(const at::Tensor& documents, const Meeting& meeting, int64_t tokens, int64_t ranks, int64_t source) {
  if (!documents.defined()) return {meeting.causal, {}};
  const at::Tensor begins = tokens_of(documents, meeting.queries);
  at::Tensor first = at::zeros_like(begins);
  int64_t left = meeting.keys.size();  // the keys are the first ones that the source holds
  for (const Interval& keys : context_slice(tokens * ranks, {.context = ranks}, {.context = source})) {
    if (left > 0) first.add_(begins.sub(keys.begin).clamp_(0, keys.size()));
    left -= keys.size();
  }
  return {meeting.causal, first};
}

AttentionHeads heads_of(const at::Tensor& query, const at::Tensor& key_value, const Meeting& meeting) {
  return {tokens_of(query, meeting.queries), tokens_of(key_value[0], meeting.keys), tokens_of(key_value[1], meeting.keys)};
}

/// Keys and values on their way round: this rank's first, then those of the rank before it, and so on. While a caller works on one, the
/// next is under way.
class Ring {
 public:
  Ring(Communicator& context, at::Tensor own) : context_(context), here_(std::move(own)) {}

  int next() const { return (context_.rank() + 1) % context_.size(); }
  int previous() const { return (context_.rank() + context_.size() - 1) % context_.size(); }

  /// body(source, keys and values of that rank), once for each rank.
  template <typename F>
  void walk(const F& body) {
    for (int step = 0; step < context_.size(); ++step) {
      at::Tensor coming;
      Work sent, received;
      if (step + 1 < context_.size()) {
        coming = at::empty_like(here_);
        sent = context_.send(here_, next());
        received = context_.receive(coming, previous());
      }
      body((context_.rank() + context_.size() - step) % context_.size(), here_);
      sent.wait();
      received.wait();
      here_ = std::move(coming);
    }
  }

 private:
  Communicator& context_;
  at::Tensor here_;
};

/// The softmax over all keys seen so far, in fp32.
struct Merged {
  at::Tensor out;  // [batch, tokens, heads, head_dim]
  at::Tensor lse;  // [batch, heads, tokens]

  void add(const AttentionResult& part, Interval queries) {
    const at::Tensor old_lse = lse.narrow(2, queries.begin, queries.size());
    const at::Tensor part_lse = part.lse.narrow(2, 0, queries.size());
    const at::Tensor sum = at::logaddexp(old_lse, part_lse);
    const auto weight = [&](const at::Tensor& of) { return at::sub(of, sum).exp_().transpose(1, 2).unsqueeze(-1); };
    tokens_of(out, queries).mul_(weight(old_lse)).add_(part.out.to(at::kFloat).mul_(weight(part_lse)));
    old_lse.copy_(sum);
  }
};

}  // namespace

AttentionResult ring_attention_forward(Communicator& context, const AttentionHeads& heads, const at::Tensor& documents,
                                       AttentionKind kind) {
  if (context.size() == 1) return attention_forward(heads, {true, documents}, kind);
  const int64_t tokens = heads.query.size(1);
  AttentionResult last;
  at::Tensor seed, offset;  // of the rank's own keys, of which every query sees one: no kernel runs where none does
  Merged merged;
  Ring(context, pack(heads)).walk([&](int source, const at::Tensor& key_value) {
    const Meeting meeting = meet(context.rank(), source, tokens);
    last = attention_forward(heads_of(heads.query, key_value, meeting), mask_of(documents, meeting, tokens, context.size(), source), kind);
    if (source == context.rank()) {
      merged = {last.out.to(at::kFloat), last.lse.narrow(2, 0, tokens).contiguous()};
      seed = last.seed;
      offset = last.offset;
    } else {
      merged.add(last, meeting.queries);
    }
  });
  return {merged.out.to(heads.query.scalar_type()), merged.lse, seed, offset};
}

void ring_attention_backward(Communicator& context, const at::Tensor& dout, const AttentionHeads& heads, const at::Tensor& documents,
                             const AttentionResult& forward, AttentionKind kind, const AttentionHeads& gradients) {
  if (context.size() == 1) return attention_backward(dout, heads, {true, documents}, forward, kind, gradients);
  const int64_t tokens = heads.query.size(1);
  const at::TensorOptions wide = heads.query.options().dtype(at::kFloat);
  at::Tensor dquery = at::zeros(heads.query.sizes(), wide);
  at::Tensor gathered;  // gradients of the keys and values at hand, from the ranks that saw them before
  Work sent, received;
  at::Tensor leaving;
  Ring ring(context, pack(heads));
  ring.walk([&](int source, const at::Tensor& key_value) {
    const Meeting meeting = meet(context.rank(), source, tokens);
    const AttentionHeads these = heads_of(heads.query, key_value, meeting);
    const AttentionHeads part{at::empty(these.query.sizes(), these.query.options()), at::empty(these.key.sizes(), these.key.options()),
                              at::empty(these.value.sizes(), these.value.options())};
    const AttentionResult result{tokens_of(forward.out, meeting.queries),
                                 forward.lse.narrow(2, meeting.queries.begin, meeting.queries.size()).contiguous(), forward.seed,
                                 forward.offset};
    attention_backward(tokens_of(dout, meeting.queries), these, mask_of(documents, meeting, tokens, context.size(), source), result, kind,
                       part);
    tokens_of(dquery, meeting.queries).add_(part.query);

    received.wait();
    if (!gathered.defined()) gathered = at::zeros(key_value.sizes(), wide);
    tokens_of(gathered[0], meeting.keys).add_(part.key);
    tokens_of(gathered[1], meeting.keys).add_(part.value);
    sent.wait();
    leaving = std::exchange(gathered, at::empty(key_value.sizes(), wide));
    sent = context.send(leaving, ring.next());
    received = context.receive(gathered, ring.previous());
  });
  sent.wait();
  received.wait();
  gradients.query.copy_(dquery);
  gradients.key.copy_(gathered[0]);
  gradients.value.copy_(gathered[1]);
}

}  // namespace llmrun
