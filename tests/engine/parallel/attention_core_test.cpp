#include "tests/support/tensor_test.h"
// torch first

#include "engine/parallel/attention_core.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randn.h>
#include <fmt/format.h>

#include "engine/core/sequence_slice.h"
#include "tests/support/ranks.h"

using namespace llmrun;

namespace {

struct Case {
  int64_t sequence_size, context, batch, seq, heads, kv_heads, head_dim;
  AttentionKind kind = AttentionKind::flash;
  at::ScalarType dtype = at::kFloat;
};

at::Tensor normal(at::IntArrayRef sizes, uint64_t seed, at::ScalarType dtype) {
  return at::randn(sizes, at::detail::createCPUGenerator(seed)).to(dtype);
}

/// The rows of `whole`, [batch seq, columns], that lie in `slice` of each sample.
at::Tensor rows_of(const at::Tensor& whole, int64_t batch, const std::vector<Interval>& slice) {
  const at::Tensor samples = whole.view({batch, -1, whole.size(1)});
  std::vector<at::Tensor> parts;
  for (const Interval& interval : slice) parts.push_back(samples.narrow(1, interval.begin, interval.size()));
  return at::cat(parts, 1).reshape({-1, whole.size(1)});
}

double distance(const at::Tensor& got, const at::Tensor& wanted) {
  if (got.sizes() != wanted.sizes()) return 1e9;
  const at::Tensor a = got.to(at::kDouble), b = wanted.to(at::kDouble);
  return (a - b).abs().max().item<double>() / (b.abs().max().item<double>() + 1e-30);
}

/// Attention of whole samples on one rank is what every slice of it is held against.
void check(const Case& c) {
  const int64_t columns = (c.heads + 2 * c.kv_heads) * c.head_dim;
  const at::Tensor qkv = normal({c.batch * c.seq, columns}, 1, c.dtype);
  const at::Tensor dout = normal({c.batch * c.seq, c.heads * c.head_dim}, 2, c.dtype);
  const auto split = [&](const at::Tensor& of) { return split_heads(of, c.batch, c.heads, c.kv_heads); };
  const auto by_head = [&](const at::Tensor& of) { return of.view({c.batch, c.seq, c.heads, c.head_dim}); };
  const AttentionResult alone = attention_forward(split(qkv), {}, c.kind);
  const at::Tensor dqkv = at::empty_like(qkv);
  attention_backward(by_head(dout), split(qkv), {}, alone, c.kind, split(dqkv));
  const double tolerance = c.dtype == at::kFloat ? 1e-5 : 3e-2;

  const Layout layout{.sequence_size = c.sequence_size, .context = c.context};
  run_mesh(layout, c.kv_heads, [&](const Mesh& mesh) {
    const std::vector<Interval> slice = sequence_slice(c.seq, layout, mesh.where());
    const AttentionCore core(mesh, c.heads, c.kv_heads, c.head_dim, c.kind);
    MicroBatch batch;
    batch.batch = c.batch;
    batch.seq = slice_tokens(c.seq, layout);
    Saved saved;
    const std::string who = fmt::format("sequence {} context {} batch {} heads {}/{} rank {}", c.sequence_size, c.context, c.batch, c.heads,
                                        c.kv_heads, mesh.rank());
    const at::Tensor out = core.forward(rows_of(qkv, c.batch, slice), batch, saved);
    CHECK_MESSAGE(distance(out, rows_of(alone.out.view({c.batch * c.seq, -1}), c.batch, slice)) < tolerance, who);
    CHECK_MESSAGE(saved[Slot::attention_out].is_same(out), who);
    const at::Tensor mine = core.backward(rows_of(dout, c.batch, slice), batch, saved);
    CHECK_MESSAGE(distance(mine, rows_of(dqkv, c.batch, slice)) < tolerance, who);
  });
}

}  // namespace

TEST_CASE("the Ulysses exchange gives what one rank gives, KV heads copied where the axis does not divide them") {
  check({2, 1, 1, 32, 4, 4, 8});
  check({4, 1, 3, 32, 8, 4, 8});
  check({4, 1, 2, 32, 8, 2, 8});  // two copies of each KV head
  check({2, 1, 2, 32, 6, 3, 8});  // three KV heads over two ranks: the middle one on both
  check({3, 1, 2, 33, 6, 2, 8});
  check({6, 1, 2, 36, 6, 1, 8});
}

TEST_CASE("ring attention gives what one rank gives, on two ranks and more") {
  check({1, 2, 1, 32, 2, 2, 8});
  check({1, 3, 2, 36, 4, 2, 8});
  check({1, 4, 3, 64, 4, 1, 16});
  check({1, 2, 2, 1536, 2, 1, 16});  // several tiles and blocks of keys a rank
}

TEST_CASE("both together, plain and in bf16 too") {
  for (const AttentionKind kind : {AttentionKind::flash, AttentionKind::plain})
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      check({2, 2, 2, 32, 4, 2, 8, kind, dtype});
      check({3, 2, 2, 36, 6, 2, 16, kind, dtype});
      check({4, 3, 1, 72, 4, 1, 8, kind, dtype});
    }
}
