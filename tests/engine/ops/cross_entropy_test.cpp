#include "engine/ops/cross_entropy.h"

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

}  // namespace

TEST_CASE("chunked cross-entropy on 1, 2 and 3 tensor ranks is autograd's whole one") {
  for (const auto dtype : kDtypes) {
    const Whole whole(dtype);
    for (const int ranks : {1, 2, 3}) {
      for (const int64_t chunk : {1, 8, 29, 64}) {
        std::mutex mutex;
        at::Tensor dx = at::zeros({kTokens, kHidden});
        run_ranks(ranks, [&](Communicator& tensor) {
          const Interval rows = part(kVocab, ranks, tensor.rank());
          const int64_t padding = tensor.rank();
          const at::Tensor grad_w = at::full({rows.size() + padding, kHidden}, 9.0F);
          const at::Tensor w = held_rows(whole.w, rows, padding);
          const LossResult loss = linear_cross_entropy(whole.x, w, whole.targets, rows, tensor, grad_w, /*accumulate=*/false, chunk);
          CHECK(loss.tokens == kTokens - 2);
          CHECK(loss.loss_sum.item<double>() == doctest::Approx(whole.loss_sum).epsilon(tolerance(dtype)));
          CHECK(distance(grad_w.narrow(0, 0, rows.size()), whole.dw.narrow(0, rows.begin, rows.size())) < tolerance(dtype));
          CHECK(grad_w.narrow(0, rows.size(), padding).eq(0).all().item<bool>());
          std::lock_guard lock(mutex);
          dx += loss.dx;
        });
        CHECK(distance(dx, whole.dx) < tolerance(dtype));
      }
    }
  }
}

TEST_CASE("a second micro-batch adds to the weight gradient, and an evaluation leaves none") {
  const Whole whole(at::kFloat);
  run_ranks(1, [&](Communicator& tensor) {
    const at::Tensor grad_w = at::zeros({kVocab, kHidden});
    for (const bool accumulate : {false, true}) {
      linear_cross_entropy(whole.x, whole.w, whole.targets, {0, kVocab}, tensor, grad_w, accumulate, 10);
    }
    CHECK(distance(grad_w, 2 * whole.dw) < 1e-5);
    const LossResult evaluation = linear_cross_entropy(whole.x, whole.w, whole.targets, {0, kVocab}, tensor, {}, false, 10);
    CHECK_FALSE(evaluation.dx.defined());
    CHECK(evaluation.loss_sum.item<double>() == doctest::Approx(whole.loss_sum).epsilon(1e-6));
  });
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
      CHECK(cell.calls == (ranks == 1 ? 0 : 2 * 3));
      CHECK(cell.bytes == (ranks == 1 ? 0 : 3 * kTokens * 4));
    });
  }
}

TEST_CASE("more ranks than words: a rank without rows takes part all the same") {
  const at::Tensor x = normal({5, 4}, 1), w = normal({2, 4}, 2), targets = at::tensor({0, 1, 1, 0, 1}, at::kLong);
  const double expected = at::cross_entropy_loss(at::mm(x, w.t()), targets, {}, at::Reduction::Sum).item<double>();
  run_ranks(3, [&](Communicator& tensor) {
    const Interval rows = part(2, 3, tensor.rank());
    const at::Tensor grad_w = at::empty({rows.size(), 4});
    const LossResult loss = linear_cross_entropy(x, held_rows(w, rows, 0), targets, rows, tensor, grad_w, false, 2);
    CHECK(loss.loss_sum.item<double>() == doctest::Approx(expected).epsilon(1e-6));
    if (rows.size() == 0) CHECK(loss.dx.eq(0).all().item<bool>());
  });
}

TEST_CASE("logits of many hundreds give a finite loss") {
  const at::Tensor x = normal({6, 8}, 1) * 100, w = normal({40, 8}, 2) * 3, targets = at::arange(6, at::kLong);
  const at::Tensor expected = at::cross_entropy_loss(at::mm(x, w.t()).to(at::kDouble), targets, {}, at::Reduction::Sum);
  run_ranks(1, [&](Communicator& tensor) {
    const LossResult loss = linear_cross_entropy(x, w, targets, {0, 40}, tensor, {}, false, 4);
    CHECK(distance(loss.loss_sum, expected) < 1e-6);
  });
}

}  // namespace llmrun
