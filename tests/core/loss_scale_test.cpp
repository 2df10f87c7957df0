#include "engine/core/loss_scale.h"

#include "engine/core/error.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

TrainConfig in(Precision precision, std::optional<double> fixed = {}) {
  TrainConfig train;
  train.precision = precision;
  train.loss_scale = fixed;
  return train;
}

}  // namespace

TEST_CASE("the loss scale halves at an overflow, and doubles after 2000 steps without one") {
  const TrainConfig train = in(Precision::fp16);
  LossScale now = loss_scale(train);
  CHECK(now == LossScale{65536, 0, 0});
  now = next_loss_scale(train, now, false);
  now = next_loss_scale(train, now, false);
  CHECK(now == LossScale{16384, 0, 2});
  for (int step = 0; step < 1999; ++step) now = next_loss_scale(train, now, true);
  CHECK(now == LossScale{16384, 1999, 2});
  CHECK(next_loss_scale(train, now, false) == LossScale{8192, 0, 3});
  CHECK(next_loss_scale(train, now, true) == LossScale{32768, 0, 2});
}

TEST_CASE("a run without a smaller loss scale to try ends with exit 97 and says why") {
  CHECK_THROWS_WITH_AS(next_loss_scale(in(Precision::fp16), LossScale{1, 5, 16}, false), doctest::Contains("even at loss scale 1"), Error);
  CHECK_THROWS_WITH_AS(next_loss_scale(in(Precision::fp16, 1024), LossScale{1024, 5, 0}, false), doctest::Contains("fixed loss scale 1024"),
                       Error);
}

TEST_CASE("a fixed loss scale stays, and other precisions have none") {
  const TrainConfig fixed = in(Precision::fp16, 128);
  LossScale now = loss_scale(fixed);
  for (int step = 0; step < 3000; ++step) now = next_loss_scale(fixed, now, true);
  CHECK(now.scale == 128);
  CHECK(next_loss_scale(in(Precision::bf16), loss_scale(in(Precision::bf16)), true) == LossScale{});
}

TEST_CASE("a resume goes on from the saved scale where it can, and never forgets the skipped steps") {
  const LossScale saved{4096, 17, 4};
  CHECK(loss_scale(in(Precision::fp16), saved) == saved);
  CHECK(loss_scale(in(Precision::fp16, 128), saved) == LossScale{128, 0, 4});
  CHECK(loss_scale(in(Precision::bf16), saved) == LossScale{{}, 0, 4});
  CHECK(loss_scale(in(Precision::fp16), LossScale{{}, 0, 4}) == LossScale{65536, 0, 4});
}
