#include "engine/ops/cross_entropy.h"

#include "engine/ops/aten.h"
#include "engine/ops/cpu.h"
#include "tests/engine/ops/oracle.h"
#include "tests/support/ranks.h"

namespace llmrun {
namespace {

constexpr int64_t kTokens = 29, kHidden = 12, kVocab = 31;

struct Whole {
  explicit Whole(at::ScalarType dtype) : x(normal({kTokens, kHidden}, 1, dtype)), w(normal({kVocab, kHidden}, 2, dtype)) {
    targets = at::arange(kTokens, at::kLong) * 7 % kVocab;
    targets[3] = -100;
    targets[20] = -1;
    const at::Tensor rx = leaf(x), rw = leaf(w);
    const at::Tensor loss = at::cross_entropy_loss(at::mm(rx, rw.t()), targets.clamp_min(-1), {}, at::Reduction::Sum, /*ignore_index=*/-1);
    loss.backward();
    loss_sum = loss.item<double>();
    dx = rx.grad();
    dw = rw.grad();
  }
  at::Tensor x, w, targets, dx, dw;
  double loss_sum;
};

/// A rank's rows with `padding` rows of garbage after them.
at::Tensor held_rows(const at::Tensor& w, Interval rows, int64_t padding) {
  return at::cat({w.narrow(0, rows.begin, rows.size()), at::full({padding, w.size(1)}, 50.0F).to(w.scalar_type())});
}

/// One rank's and several ranks' loss and gradients are those of the whole; what padding held is overwritten with zeros.
void check_ranks(const Whole& whole, int ranks, int64_t chunk, at::Device device) {
  const at::ScalarType dtype = whole.x.scalar_type();
  std::mutex mutex;
  at::Tensor dx = at::zeros({kTokens, kHidden});
  run_ranks(ranks, [&](Communicator& tensor) {
    const Interval rows = part(kVocab, ranks, tensor.rank());
    const int64_t padding = tensor.rank();
    const at::Tensor grad_w = at::full({rows.size() + padding, kHidden}, 9.0F).to(device);
    const LossResult loss = linear_cross_entropy(whole.x.to(device), held_rows(whole.w, rows, padding).to(device), whole.targets.to(device),
                                                 rows, tensor, grad_w, /*accumulate=*/false, chunk);
    CHECK(loss.tokens.item<int64_t>() == kTokens - 2);
    CHECK(loss.loss_sum.item<double>() == doctest::Approx(whole.loss_sum).epsilon(tolerance(dtype)));
    CHECK(distance(grad_w.narrow(0, 0, rows.size()), whole.dw.narrow(0, rows.begin, rows.size())) < tolerance(dtype));
    CHECK(grad_w.narrow(0, rows.size(), padding).eq(0).all().item<bool>());
    std::lock_guard lock(mutex);
    dx += loss.dx.cpu();
  });
  CHECK(distance(dx, whole.dx) < tolerance(dtype));
}

}  // namespace

TEST_CASE("chunked cross-entropy on 1, 2 and 3 tensor ranks is autograd's whole one") {
  for (const at::Device device : devices())
    for (const auto dtype : kDtypes)
      for (const int ranks : {1, 2, 3})
        for (const int64_t chunk : {1, 8, 29, 64}) check_ranks(Whole(dtype), ranks, chunk, device);
}

TEST_CASE("the parts of a softmax over columns on several ranks, and its gradient, are autograd's") {
  const at::Tensor logits = normal({kTokens, kVocab}, 1) * 3, whole = leaf(logits), targets = Whole(at::kFloat).targets;
  at::cross_entropy_loss(whole, targets.clamp_min(-1), {}, at::Reduction::Sum, /*ignore_index=*/-1).backward();
  for (const Path& path : paths()) {
    const auto largest_of_rows = path.pick(cpu::largest_of_rows, aten::largest_of_rows);
    const auto sums_of_rows = path.pick(cpu::sums_of_rows, aten::sums_of_rows);
    const auto turn_into_gradient = path.pick(cpu::turn_into_gradient, aten::turn_into_gradient);
    std::vector<at::Tensor> parts;
    for (int64_t rank = 0; rank < 3; ++rank) {
      const Interval rows = part(kVocab, 3, rank);
      parts.push_back(path.put(logits.narrow(1, rows.begin, rows.size())).contiguous());
    }
    at::Tensor largest = largest_of_rows(parts[0]);
    for (const at::Tensor& columns : parts) largest = at::maximum(largest, largest_of_rows(columns));
    CHECK(same_bits(largest, logits.amax(1)));
    at::Tensor sums = path.put(at::zeros({2, kTokens}));
    for (int64_t rank = 0; rank < 3; ++rank) sums += sums_of_rows(parts[rank], largest, path.put(targets), part(kVocab, 3, rank));
    for (int64_t rank = 0; rank < 3; ++rank) turn_into_gradient(parts[rank], sums, path.put(targets), part(kVocab, 3, rank));
    CHECK(distance(at::cat(parts, 1), whole.grad()) < 1e-5);
  }
}

TEST_CASE("a second micro-batch adds to the weight gradient, and an evaluation leaves none") {
  const Whole whole(at::kFloat);
  for (const at::Device device : devices()) {
    const auto tensor = make_solo("tensor", Purpose::tensor);
    const at::Tensor x = whole.x.to(device), w = whole.w.to(device), targets = whole.targets.to(device);
    const at::Tensor grad_w = at::zeros({kVocab, kHidden}, device);
    for (const bool accumulate : {false, true}) linear_cross_entropy(x, w, targets, {0, kVocab}, *tensor, grad_w, accumulate, 10);
    CHECK(distance(grad_w, 2 * whole.dw) < 1e-5);
    const LossResult evaluation = linear_cross_entropy(x, w, targets, {0, kVocab}, *tensor, {}, false, 10);
    CHECK_FALSE(evaluation.dx.defined());
    CHECK(evaluation.loss_sum.item<double>() == doctest::Approx(whole.loss_sum).epsilon(1e-6));
  }
}

TEST_CASE("each chunk makes two all-reduces, and one rank none") {
  const Whole whole(at::kFloat);
  for (const int ranks : {1, 2}) {
    run_ranks(ranks, [&](Communicator& tensor) {
      auto traffic = std::make_shared<Traffic>();
      tensor.count_into(traffic);
      const Interval rows = part(kVocab, ranks, tensor.rank());
      linear_cross_entropy(whole.x, held_rows(whole.w, rows, 0), whole.targets, rows, tensor, {}, false, 10);
      const Traffic::Cell& cell = (*traffic)[tensor.purpose()];
      CHECK(cell.calls() == (ranks == 1 ? 0 : 2 * 3));
      CHECK(cell.bytes() == (ranks == 1 ? 0 : 3 * kTokens * 4));
    });
  }
}

TEST_CASE("more ranks than words: a rank without rows takes part all the same") {
  const at::Tensor x = normal({5, 4}, 1), w = normal({2, 4}, 2), targets = at::tensor({0, 1, 1, 0, 1}, at::kLong);
  const double expected = at::cross_entropy_loss(at::mm(x, w.t()), targets, {}, at::Reduction::Sum).item<double>();
  for (const at::Device device : devices())
    run_ranks(3, [&](Communicator& tensor) {
      const Interval rows = part(2, 3, tensor.rank());
      const at::Tensor grad_w = at::empty({rows.size(), 4}, device);
      const LossResult loss =
          linear_cross_entropy(x.to(device), held_rows(w, rows, 0).to(device), targets.to(device), rows, tensor, grad_w, false, 2);
      CHECK(loss.loss_sum.item<double>() == doctest::Approx(expected).epsilon(1e-6));
      if (rows.size() == 0) CHECK(loss.dx.eq(0).all().item<bool>());
    });
}

TEST_CASE("logits of many hundreds give a finite loss") {
  const at::Tensor x = normal({6, 8}, 1) * 100, w = normal({40, 8}, 2) * 3, targets = at::arange(6, at::kLong);
  const at::Tensor expected = at::cross_entropy_loss(at::mm(x, w.t()).to(at::kDouble), targets, {}, at::Reduction::Sum);
  for (const at::Device device : devices()) {
    const auto tensor = make_solo("tensor", Purpose::tensor);
    const LossResult loss = linear_cross_entropy(x.to(device), w.to(device), targets.to(device), {0, 40}, *tensor, {}, false, 4);
    CHECK(distance(loss.loss_sum, expected) < 1e-6);
  }
}

}  // namespace llmrun
