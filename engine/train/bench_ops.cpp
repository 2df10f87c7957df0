#include "engine/train/bench_ops.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <chrono>
#include <functional>

#include "engine/comm/communicator.h"
#include "engine/comm/gpu.h"
#include "engine/core/memory.h"
#include "engine/core/parameters.h"
#include "engine/core/step_traffic.h"
#include "engine/model/model.h"
#include "engine/ops/activation.h"
#include "engine/ops/attention.h"
#include "engine/ops/cross_entropy.h"
#include "engine/ops/embedding.h"
#include "engine/ops/linear.h"
#include "engine/ops/norm.h"
#include "engine/ops/rotary.h"
#include "engine/optim/adamw.h"

namespace llmrun {
namespace {

class Bench {
 public:
  explicit Bench(const BenchStepOptions& options)
      : options_(options),
        shape_(options.shape),
        dtype_(compute_dtype(options.precision)),
        element_(element_bytes(options.precision)),
        tokens_(options.micro_batch * options.seq_len) {}

  std::vector<OpTiming> run() {
    memory();
    norm();
    products();
    if (shape_.positions == Positions::rotary) rotary();
    attention();
    activation();
    ends();
    optimizer();
    return std::move(timings_);
  }

 private:
  using Work = std::function<void()>;

  double median_of(const Work& work) const {
    using Clock = std::chrono::steady_clock;
    std::vector<double> times;
    for (int64_t call = 0; call < options_.warmup + options_.steps; ++call) {
      synchronise(options_.device);
      const auto begin = Clock::now();
      work();
      synchronise(options_.device);
      if (call >= options_.warmup) times.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
    }
    std::nth_element(times.begin(), times.begin() + static_cast<int64_t>(times.size() / 2), times.end());
    return times[times.size() / 2];
  }
  void in_memory(const std::string& name, int64_t bytes, const Work& work) { timings_.push_back({name, median_of(work), bytes, 0}); }
  void in_products(const std::string& name, double flops, const Work& work) { timings_.push_back({name, median_of(work), 0, flops}); }

  at::Tensor random(at::IntArrayRef sizes) const { return at::randn(sizes, at::TensorOptions().device(options_.device)).to(dtype_); }
  at::Tensor zeros(at::IntArrayRef sizes) const { return at::zeros(sizes, at::TensorOptions().device(options_.device)); }  // fp32

  /// Pages that were written: an operating system may keep all that were not as one.
  at::Tensor ones(int64_t elements) const { return zeros({elements}).fill_(1); }

  void memory() {
    const at::Tensor from = ones(kLarge), to = ones(kLarge);
    in_memory("memory: copy", 2 * kLarge * 4, [&] { to.copy_(from); });
    in_memory("memory: add in place", 3 * kLarge * 4, [&] { to.add_(from); });
  }

  void norm() {
    const at::Tensor x = random({tokens_, shape_.hidden}), w = random({shape_.hidden}), b = random({shape_.hidden});
    const at::Tensor grad_w = zeros({shape_.hidden}), grad_b = zeros({shape_.hidden});
    const bool layers = shape_.norm == Norm::layernorm;
    const auto forward = [&] { return layers ? layer_norm(x, w, b, shape_.norm_eps) : rms_norm(x, w, shape_.norm_eps); };
    const int64_t row = tokens_ * shape_.hidden * element_;
    in_memory("norm forward", 2 * row, [&] { forward(); });
    const NormResult result = forward();
    in_memory("norm backward", 3 * row,
              [&] { layers ? layer_norm_backward(x, x, result, w, {}, grad_w, grad_b) : rms_norm_backward(x, x, result, w, {}, grad_w); });
  }

  void product(const std::string& name, int64_t in, int64_t out) {
    const at::Tensor x = random({tokens_, in}), w = random({out, in}), dy = random({tokens_, out}), grad = zeros({out, in});
    const double flops = 2.0 * static_cast<double>(tokens_) * static_cast<double>(in) * static_cast<double>(out);
    in_products(name + " forward", flops, [&] { linear(x, w, {}); });
    in_products(name + " backward, input", flops, [&] { linear_backward_input(dy, w); });
    in_products(name + " backward, weight", flops, [&] { linear_backward_weight(dy, x, grad, {}, /*accumulate=*/true); });
  }

  int64_t attention_columns() const { return (shape_.heads + 2 * shape_.kv_heads) * shape_.head_dim; }
  int64_t ffn_columns() const { return shape_.activation == Activation::swiglu ? 2 * shape_.ffn : shape_.ffn; }

  void products() {
    product("qkv", shape_.hidden, attention_columns());
    product("attention out", shape_.heads * shape_.head_dim, shape_.hidden);
    product("mlp in", shape_.hidden, ffn_columns());
    product("mlp out", shape_.ffn, shape_.hidden);
  }

  void rotary() {
    const at::Tensor qkv = random({tokens_, attention_columns()});
    const at::Tensor positions =
        at::arange(options_.seq_len, at::TensorOptions().dtype(at::kLong).device(options_.device)).repeat({options_.micro_batch});
    const RotaryTable table =
        make_rotary(options_.seq_len, shape_.head_dim, shape_.rope_theta, shape_.rope_scaling, at::TensorOptions().device(options_.device));
    const int64_t turned = tokens_ * (shape_.heads + shape_.kv_heads) * shape_.head_dim * element_;
    in_memory("rotary", 2 * turned, [&] { rotary_(qkv, shape_.heads, shape_.kv_heads, shape_.head_dim, positions, table); });
  }

  void attention() {
    const at::Tensor qkv = random({tokens_, attention_columns()}), dqkv = at::empty_like(qkv);
    const auto heads = [&](const at::Tensor& tensor) { return split_heads(tensor, options_.micro_batch, shape_.heads, shape_.kv_heads); };
    const AttentionResult result = attention_forward(heads(qkv), {}, options_.attention);
    const at::Tensor dout = at::empty_like(result.out).copy_(result.out);
    // Two products over the lower half of the scores; backward has five of them, the scores made again.
    const double product = static_cast<double>(tokens_ * (options_.seq_len + 1)) * static_cast<double>(shape_.heads * shape_.head_dim);
    in_products("attention forward", 2 * product, [&] { attention_forward(heads(qkv), {}, options_.attention); });
    in_products("attention backward", 5 * product,
                [&] { attention_backward(dout, heads(qkv), {}, result, options_.attention, heads(dqkv)); });
  }

  void activation() {
    const bool gated = shape_.activation == Activation::swiglu;
    const at::Tensor in = random({tokens_, ffn_columns()}), dy = random({tokens_, shape_.ffn});
    const int64_t wide = tokens_ * ffn_columns() * element_, narrow = tokens_ * shape_.ffn * element_;
    in_memory("activation forward", wide + narrow, [&] { gated ? swiglu(in) : gelu_tanh(in); });
    in_memory("activation backward", 2 * wide + narrow, [&] { gated ? swiglu_backward(dy, in) : gelu_tanh_backward(dy, in); });
  }

  void ends() {
    const Interval rows{0, shape_.vocab};
    const at::Tensor ids = at::randint(shape_.vocab, {tokens_}, at::TensorOptions().dtype(at::kLong).device(options_.device));
    const at::Tensor table = random({shape_.vocab, shape_.hidden}), x = random({tokens_, shape_.hidden});
    const at::Tensor grad = zeros({shape_.vocab, shape_.hidden});
    in_memory("embedding forward", 2 * tokens_ * shape_.hidden * element_, [&] { embed(ids, table, rows); });
    in_memory("embedding backward", tokens_ * shape_.hidden * (element_ + 8), [&] { embed_backward(ids, x, grad, rows); });
    const int64_t chunk = loss_chunk(tokens_, shape_.vocab, /*tensor=*/1);
    const auto alone = make_solo("bench", Purpose::tensor);
    const double products = 6.0 * static_cast<double>(tokens_) * static_cast<double>(shape_.hidden) * static_cast<double>(shape_.vocab);
    in_products("head and loss, both ways", products,
                [&] { linear_cross_entropy(x, table, ids, rows, *alone, grad, /*accumulate=*/true, chunk); });
  }

  void optimizer() {
    const int64_t elements = shape_.layers * unit_parameters(shape_, {UnitKind::block, 0}, {}).elements;
    const at::Tensor master = ones(elements), exp_avg = ones(elements), exp_avg_sq = ones(elements), gradient = ones(elements);
    const bool narrower = options_.precision != Precision::fp32;
    const at::Tensor parameters = narrower ? at::empty_like(master, master.options().dtype(dtype_)) : at::Tensor();
    in_memory("AdamW", elements * (28 + (narrower ? element_ : 0)),
              [&] { adamw(master, exp_avg, exp_avg_sq, gradient, /*decay=*/true, {.lr = 1e-3, .weight_decay = 0.1}, parameters); });
    in_memory("gradient norm", elements * 4, [&] { sum_of_squares({gradient}); });
  }

  static constexpr int64_t kLarge = int64_t{1} << 26;  // elements: 256 MiB
  const BenchStepOptions& options_;
  const ModelShape& shape_;
  at::ScalarType dtype_;
  int64_t element_;
  int64_t tokens_;
  std::vector<OpTiming> timings_;
};

}  // namespace

std::vector<OpTiming> bench_ops(const BenchStepOptions& options) { return Bench(options).run(); }

}  // namespace llmrun
