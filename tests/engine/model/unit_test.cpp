#include "tests/support/tensor_test.h"
// torch first

#include <ATen/core/grad_mode.h>

#include <cmath>
#include <functional>
#include <map>

#include "engine/model/block.h"
#include "engine/model/initial_weights.h"
#include "engine/model/model.h"
#include "tests/support/ranks.h"

using namespace llmrun;

namespace {

constexpr int64_t kBatch = 2, kSeq = 6;

ModelShape shape_of(Family family, double dropout = 0) {
  ModelConfig model{.family = family, .layers = 1, .hidden = 24, .heads = 4, .vocab = 37};
  if (family == Family::llama) model.kv_heads = 2, model.ffn = 40;
  model.dropout = dropout;
  model.init_std = 0.3;  // far from linear
  return model_shape(model, kSeq);
}

MicroBatch batch_of(const ModelShape& shape) {
  std::vector<int64_t> tokens;
  for (int64_t i = 0; i < kBatch * (kSeq + 1); ++i) tokens.push_back((i * i + 3 * i) % shape.vocab);
  return make_micro_batch({kBatch, kSeq, 0, tokens.data()}, {}, {}, at::kCPU);
}

ParallelConfig parallel(bool sequence_parallel) {
  ParallelConfig config;
  if (sequence_parallel) config.sequence = SequenceParallel::megatron;
  return config;
}

/// A rank's model with weights by seed.
struct Fixture {
  Fixture(const ModelShape& shape, const Mesh& mesh, bool sequence_parallel)
      : model({shape, parallel(sequence_parallel), AttentionKind::plain, Precision::fp32, 1, kBatch, kSeq, at::kCPU}, mesh) {
    for (ShardedState& state : model.states()) initialise(state, 3);
    model.publish();
    model.zero_gradients();
  }
  Unit& unit(size_t index) { return *model.stage().units[index]; }
  Model model;
};

/// The three-line references: ATen with autograd, on whole tensors of one rank.
at::Tensor norm_reference(const ModelShape& shape, const at::Tensor& x, const at::Tensor& w, const at::Tensor& b) {
  if (shape.norm == Norm::layernorm) return at::layer_norm(x, {shape.hidden}, w, b, shape.norm_eps);
  return x * at::rsqrt(x.pow(2).mean(-1, true) + shape.norm_eps) * w;
}

at::Tensor rotate_reference(const ModelShape& shape, const at::Tensor& x) {  // [batch, heads, seq, d]
  const int64_t half = shape.head_dim / 2;
  const at::Tensor frequency = at::pow(shape.rope_theta, -at::arange(0, half, at::kFloat) / half);
  const at::Tensor angle = at::outer(at::arange(0, kSeq, at::kFloat), frequency);
  const at::Tensor a = x.narrow(-1, 0, half), b = x.narrow(-1, half, half);
  return at::cat({a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()}, -1);
}

at::Tensor attention_reference(const ModelShape& shape, const at::Tensor& qkv) {
  auto heads_of = [&](int64_t first, int64_t heads) {
    return qkv.narrow(1, first * shape.head_dim, heads * shape.head_dim).view({kBatch, kSeq, heads, shape.head_dim}).transpose(1, 2);
  };
  at::Tensor q = heads_of(0, shape.heads), k = heads_of(shape.heads, shape.kv_heads),
             v = heads_of(shape.heads + shape.kv_heads, shape.kv_heads);
  if (shape.positions == Positions::rotary) q = rotate_reference(shape, q), k = rotate_reference(shape, k);
  const int64_t repeat = shape.heads / shape.kv_heads;
  k = k.repeat_interleave(repeat, 1), v = v.repeat_interleave(repeat, 1);
  const at::Tensor mask = at::full({kSeq, kSeq}, -INFINITY).triu(1);
  const at::Tensor scores = at::matmul(q, k.transpose(-1, -2)) / std::sqrt(static_cast<double>(shape.head_dim)) + mask;
  return at::matmul(at::softmax(scores, -1), v).transpose(1, 2).reshape({kBatch * kSeq, shape.heads * shape.head_dim});
}

at::Tensor block_reference(const ModelShape& shape, const at::Tensor& x, const std::function<at::Tensor(Role)>& p) {
  const at::Tensor qkv = at::linear(norm_reference(shape, x, p(Role::attention_norm_weight), p(Role::attention_norm_bias)),
                                    p(Role::qkv_weight), p(Role::qkv_bias));
  const at::Tensor middle = x + at::linear(attention_reference(shape, qkv), p(Role::attention_out_weight), p(Role::attention_out_bias));
  const at::Tensor in = at::linear(norm_reference(shape, middle, p(Role::mlp_norm_weight), p(Role::mlp_norm_bias)), p(Role::mlp_in_weight),
                                   p(Role::mlp_in_bias));
  const at::Tensor activated = shape.activation == Activation::swiglu
                                   ? at::silu(in.narrow(1, 0, shape.ffn)) * in.narrow(1, shape.ffn, shape.ffn)
                                   : at::gelu(in, "tanh");
  return middle + at::linear(activated, p(Role::mlp_out_weight), p(Role::mlp_out_bias));
}

/// Within 1e-5 of the largest element: a sum that cancels to almost nothing keeps the rounding of what was summed.
bool close(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() && (a - b).abs().max().item<double>() <= 1e-5 * b.abs().max().item<double>();
}

void run_alone(const std::function<void(const Mesh&)>& test) { run_mesh(Layout{}, 1, test); }

}  // namespace

TEST_CASE("a block's forward, input gradient and weight gradients are autograd's") {
  for (Family family : {Family::gpt, Family::llama}) {
    const ModelShape shape = shape_of(family);
    run_alone([&](const Mesh& mesh) {
      Fixture fixture(shape, mesh, false);
      Unit& block = fixture.unit(1);
      const MicroBatch batch = batch_of(shape);
      const at::Tensor x = at::randn({kBatch * kSeq, shape.hidden}), dy = at::randn({kBatch * kSeq, shape.hidden});

      std::map<Role, at::Tensor> leaves;
      for (const LocalParameter& parameter : block.buffers().table().parameters)
        leaves[parameter.role] = block.buffers().weight(parameter.role).clone().set_requires_grad(true);
      const at::Tensor leaf_x = x.clone().set_requires_grad(true);
      const at::Tensor wanted =
          block_reference(shape, leaf_x, [&](Role role) { return leaves.contains(role) ? leaves[role] : at::Tensor(); });
      wanted.backward(dy);

      const at::NoGradGuard no_grad;
      Saved saved;
      CHECK(close(block.forward(x, batch, saved), wanted));
      CHECK(close(block.backward_input(dy, batch, saved), leaf_x.grad()));
      block.backward_weight(batch, saved);
      for (const auto& [role, leaf] : leaves) CHECK(close(block.buffers().gradient(role), leaf.grad()));
      CHECK(saved.bytes() == 0);
    });
  }
}

TEST_CASE("the head's loss and gradients are autograd's") {
  for (Family family : {Family::gpt, Family::llama}) {  // tied and untied
    const ModelShape shape = shape_of(family);
    run_alone([&](const Mesh& mesh) {
      Fixture fixture(shape, mesh, false);
      Head& head = *fixture.model.head();
      UnitBuffers& projection = shape.tie_embeddings ? fixture.model.embedding()->buffers() : head.buffers();
      const Role role = shape.tie_embeddings ? Role::token_embedding : Role::output_projection;
      const int64_t padding = projection.weight(role).size(0) - shape.vocab;
      const auto of_vocabulary = [&](const at::Tensor& rows) { return rows.narrow(0, 0, shape.vocab); };
      const MicroBatch batch = batch_of(shape);
      const at::Tensor x = at::randn({kBatch * kSeq, shape.hidden});

      const at::Tensor leaf_x = x.clone().set_requires_grad(true),
                       leaf_w = of_vocabulary(projection.weight(role)).clone().set_requires_grad(true);
      const at::Tensor leaf_norm = head.buffers().weight(Role::final_norm_weight).clone().set_requires_grad(true);
      const at::Tensor normed = norm_reference(shape, leaf_x, leaf_norm, head.buffers().weight(Role::final_norm_bias));
      const at::Tensor wanted = at::cross_entropy_loss(at::linear(normed, leaf_w), batch.targets, {}, at::Reduction::Sum);
      wanted.backward();

      const at::NoGradGuard no_grad;
      Saved saved;
      head.forward(x, batch, saved);
      CHECK(head.loss_sum() == doctest::Approx(wanted.item<double>()).epsilon(1e-5));
      CHECK(head.tokens() == kBatch * kSeq);
      CHECK(close(head.backward_input({}, batch, saved), leaf_x.grad()));
      head.backward_weight(batch, saved);
      CHECK(close(of_vocabulary(projection.gradient(role)), leaf_w.grad()));
      CHECK(projection.gradient(role).narrow(0, shape.vocab, padding).eq(0).all().item<bool>());
      CHECK(close(head.buffers().gradient(Role::final_norm_weight), leaf_norm.grad()));
    });
  }
}

TEST_CASE("a block saves exactly its inputs to the products, the norms' statistics and outputs") {
  for (Family family : {Family::gpt, Family::llama}) {
    const ModelShape shape = shape_of(family);
    run_alone([&](const Mesh& mesh) {
      const at::NoGradGuard no_grad;
      Fixture fixture(shape, mesh, false);
      Saved saved;
      fixture.unit(1).forward(at::randn({kBatch * kSeq, shape.hidden}), batch_of(shape), saved);
      const int64_t tokens = kBatch * kSeq, query = shape.heads * shape.head_dim, key = shape.kv_heads * shape.head_dim;
      const int64_t statistics = shape.norm == Norm::layernorm ? 4 : 2;
      const int64_t mlp_in = shape.ffn * (shape.activation == Activation::swiglu ? 2 : 1);
      // x, norm, qkv, attention with a log-sum-exp a head; middle, norm, mlp_in.
      CHECK(saved.bytes() == 4 * tokens * (4 * shape.hidden + query + 2 * key + query + shape.heads + mlp_in + statistics));
      // Selective recompute keeps x, qkv, middle, mlp_in, and makes the same again.
      const at::Tensor out = saved[Slot::attention_out].clone(), normed = saved[Slot::mlp_norm_out].clone();
      fixture.unit(1).release(saved);
      CHECK(saved.bytes() == 4 * tokens * (2 * shape.hidden + query + 2 * key + mlp_in + statistics));
      fixture.unit(1).restore(batch_of(shape), saved);
      CHECK(saved[Slot::attention_out].equal(out));
      CHECK(saved[Slot::mlp_norm_out].equal(normed));
    });
  }
}

TEST_CASE("a block on 2 tensor ranks, with sequence parallelism or without, is the block on 1; dropout too") {
  for (Family family : {Family::gpt, Family::llama})
    for (double dropout : {0.0, 0.25})
      for (bool sequence_parallel : {false, true}) {
        const ModelShape shape = shape_of(family, dropout);
        const MicroBatch batch = batch_of(shape);
        const at::Tensor x = at::randn({kBatch * kSeq, shape.hidden}), dy = at::randn({kBatch * kSeq, shape.hidden});
        at::Tensor y, dx;
        run_alone([&](const Mesh& mesh) {
          const at::NoGradGuard no_grad;
          Fixture fixture(shape, mesh, false);
          Saved saved;
          y = fixture.unit(1).forward(x, batch, saved);
          dx = fixture.unit(1).backward_input(dy, batch, saved);
        });
        run_mesh(Layout{.tensor = 2}, shape.kv_heads, [&](const Mesh& mesh) {
          const at::NoGradGuard no_grad;
          Fixture fixture(shape, mesh, sequence_parallel);
          const TensorRegion region(mesh.tensor(), sequence_parallel);
          Saved saved;
          CHECK(close(fixture.unit(1).forward(region.slice(x).contiguous(), batch, saved), region.slice(y)));
          CHECK(close(fixture.unit(1).backward_input(region.slice(dy).contiguous(), batch, saved), region.slice(dx)));
        });
      }
}

TEST_CASE("the embedding's forward and gradients are autograd's, and it saves only what comes back") {
  for (Family family : {Family::gpt, Family::llama}) {  // learned positions and none
    const ModelShape shape = shape_of(family);
    run_alone([&](const Mesh& mesh) {
      Fixture fixture(shape, mesh, false);
      Unit& embedding = fixture.unit(0);
      const MicroBatch batch = batch_of(shape);
      const at::Tensor dy = at::randn({kBatch * kSeq, shape.hidden});
      const at::Tensor tokens = embedding.buffers().weight(Role::token_embedding).clone().set_requires_grad(true);
      at::Tensor positions = embedding.buffers().weight(Role::position_embedding);
      at::Tensor wanted = at::embedding(tokens, batch.ids);
      if (positions.defined())
        positions = positions.clone().set_requires_grad(true), wanted = wanted + at::embedding(positions, batch.positions);
      wanted.backward(dy);

      const at::NoGradGuard no_grad;
      Saved saved;
      CHECK(close(embedding.forward({}, batch, saved), wanted));
      CHECK(saved.bytes() == 0);
      CHECK_FALSE(embedding.backward_input(dy, batch, saved).defined());
      CHECK(saved.bytes() == static_cast<int64_t>(dy.nbytes()));
      embedding.backward_weight(batch, saved);
      CHECK(close(embedding.buffers().gradient(Role::token_embedding), tokens.grad()));
      if (positions.defined()) CHECK(close(embedding.buffers().gradient(Role::position_embedding), positions.grad()));
      CHECK(saved.bytes() == 0);
    });
  }
}
