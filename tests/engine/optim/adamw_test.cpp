#include "engine/optim/adamw.h"

#include "tests/engine/ops/oracle.h"

namespace llmrun {
namespace {

struct State {
  at::Tensor master, m, v;
  State clone() const { return {master.clone(), m.clone(), v.clone()}; }
  State on(const Path& path) const { return {path.put(master).clone(), path.put(m).clone(), path.put(v).clone()}; }
};

/// The loop, or ATen's operators.
auto* stepper(const Path& path) {
  using OnTensors =
      void(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&, bool, const AdamWStep&, const at::Tensor&);
  return path.pick<OnTensors>(adamw, adamw_aten);
}

}  // namespace

TEST_CASE("twenty steps of adamw are twenty steps of PyTorch's fused AdamW") {
  for (const Path& path : paths()) {
    for (const bool decay : {true, false}) {
      const int64_t n = 70001;
      State theirs{normal({n}, 1), at::zeros({n}), at::zeros({n})}, ours = theirs.on(path);
      for (int64_t step = 1; step <= 20; ++step) {
        const AdamWStep settings{.lr = 1e-2 / step, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1, .step = step};
        const at::Tensor grad = normal({n}, 100 + step) * 0.1;
        stepper(path)(ours.master, ours.m, ours.v, path.put(grad), decay, settings, {});
        at::_fused_adamw_({theirs.master}, {grad}, {theirs.m}, {theirs.v}, {}, {at::full({}, static_cast<float>(step))}, settings.lr, 0.9,
                          0.95, decay ? 0.1 : 0.0, 1e-8, /*amsgrad=*/false, /*maximize=*/false);
      }
      CHECK(distance(ours.master, theirs.master) < 1e-6);
      CHECK(distance(ours.m, theirs.m) < 1e-6);
      CHECK(distance(ours.v, theirs.v) < 1e-6);
    }
  }
}

TEST_CASE("grad_scale is a scaled gradient, and the bf16 weights are the rounded masters") {
  const int64_t n = 40003;
  const State start{normal({n}, 1), normal({n}, 2), normal({n}, 3).abs()};
  for (const Path& path : paths()) {
    const State scaled = start.on(path), plain = start.on(path);
    const at::Tensor grad = path.put(normal({n}, 4)), weights = path.put(at::empty({n}, at::kBFloat16));
    stepper(path)(scaled.master, scaled.m, scaled.v, grad, true, {.lr = 0.1, .weight_decay = 0.1, .step = 3, .grad_scale = 0.25}, weights);
    stepper(path)(plain.master, plain.m, plain.v, grad * 0.25, true, {.lr = 0.1, .weight_decay = 0.1, .step = 3}, {});
    CHECK(scaled.master.equal(plain.master));
    CHECK(weights.equal(scaled.master.to(at::kBFloat16)));
  }
}

TEST_CASE("a shard steps to the same bits as the whole, for any number of threads") {
  const int64_t n = 100003, cut = 33337;
  const State start{normal({n}, 1), normal({n}, 2), normal({n}, 3).abs()};
  const at::Tensor grad = normal({n}, 4);
  const auto stepped = [&](const std::vector<std::pair<int64_t, int64_t>>& shards) {
    const State s = start.clone();
    for (const auto& [begin, end] : shards) {
      adamw(s.master.slice(0, begin, end), s.m.slice(0, begin, end), s.v.slice(0, begin, end), grad.slice(0, begin, end), true,
            {.lr = 0.1, .weight_decay = 0.1, .step = 7}, {});
    }
    return at::stack({s.master, s.m, s.v});
  };
  const at::Tensor whole = stepped({{0, n}});
  for (const at::Tensor& shards : on_threads([&] { return stepped({{0, cut}, {cut, n}}); })) CHECK(shards.equal(whole));
}

TEST_CASE("the sum of squares is fp64 and has the same bits for any number of threads") {
  const at::Tensor values = normal({123457}, 1);
  const std::vector<double> sums = on_threads([&] { return sum_of_squares({values}); });
  CHECK(sums[0] == doctest::Approx(values.to(at::kDouble).square().sum().item<double>()).epsilon(1e-13));
  CHECK(sums[0] == sums[1]);
  CHECK(sums[0] == sums[2]);
  for (const Path& path : paths()) {
    const auto sum = path.pick<double(const std::vector<at::Tensor>&)>(sum_of_squares, sum_of_squares_aten);
    CHECK(sum({path.put(values), path.put(2 * values)}) == doctest::Approx(5 * sums[0]).epsilon(1e-13));
    CHECK(sum({path.put(at::full({3}, 1e30F)), path.put(at::empty({0}))}) == doctest::Approx(3e60));  // fp32 would overflow
    CHECK(sum({}) == 0.0);
  }
}

}  // namespace llmrun
