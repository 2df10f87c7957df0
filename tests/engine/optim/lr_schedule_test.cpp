#include "engine/core/lr_schedule.h"

#include <vector>

#include "engine/core/error.h"
#include "tests/support/tensor_test.h"

namespace llmrun {
namespace {

LrPlan plan(LrSchedule schedule) { return {.schedule = schedule, .lr = 0.002, .min_lr = 0.0002, .warmup_steps = 5, .steps = 40}; }

}  // namespace

TEST_CASE("cosine is the schedule that the golden runs were trained with, to twelve digits") {
  const std::vector<double> golden{0.0004,
                                   0.0008,
                                   0.0012000000000000001,
                                   0.0016,
                                   0.002,
                                   0.001996376864595715,
                                   0.0019855366297387668,
                                   0.001967566574626268,
                                   0.0019426113835757635,
                                   0.0019108719811121771,
                                   0.0018726039142416796,
                                   0.0018281152949374527,
                                   0.00177776431940325,
                                   0.0017219563840881783,
                                   0.0016611408216728604,
                                   0.0015958072833068924,
                                   0.0015264817962256988,
                                   0.0014537225284885313,
                                   0.0013781152949374528,
                                   0.001300268840560683,
                                   0.00122080993923589,
                                   0.0011403783473154635,
                                   0.0010596216526845368,
                                   0.0009791900607641103,
                                   0.0008997311594393171,
                                   0.0008218847050625473,
                                   0.0007462774715114688,
                                   0.0006735182037743013,
                                   0.0006041927166931078,
                                   0.0005388591783271399,
                                   0.0004780436159118218,
                                   0.00042223568059675026,
                                   0.00037188470506254736,
                                   0.0003273960857583205,
                                   0.0002891280188878229,
                                   0.0002573886164242365,
                                   0.0002324334253737321,
                                   0.00021446337026123332,
                                   0.00020362313540428484,
                                   0.0002};
  for (size_t i = 0; i < golden.size(); ++i)
    CHECK(std::abs(learning_rate(plan(LrSchedule::cosine), i + 1) - golden[i]) < 1e-12 * golden[i]);
}

TEST_CASE("linear falls in a line from lr at the end of warm-up to min_lr at the last step") {
  CHECK(learning_rate(plan(LrSchedule::linear), 1) == doctest::Approx(0.0004));
  CHECK(learning_rate(plan(LrSchedule::linear), 5) == doctest::Approx(0.002));
  CHECK(learning_rate(plan(LrSchedule::linear), 12) == doctest::Approx(0.002 - 0.0018 * 7 / 35));
  CHECK(learning_rate(plan(LrSchedule::linear), 40) == doctest::Approx(0.0002));
  CHECK(learning_rate(plan(LrSchedule::linear), 41) == doctest::Approx(0.0002));
}

TEST_CASE("constant warms up and stays") {
  CHECK(learning_rate(plan(LrSchedule::constant), 2) == doctest::Approx(0.0008));
  CHECK(learning_rate(plan(LrSchedule::constant), 40) == 0.002);
}

TEST_CASE("no warm-up begins at lr's first step down, and a run that is all warm-up ends at lr") {
  CHECK(learning_rate({LrSchedule::linear, 1.0, 0.0, 0, 4}, 1) == doctest::Approx(0.75));
  CHECK(learning_rate({LrSchedule::cosine, 1.0, 0.0, 4, 4}, 4) == 1.0);
}

TEST_CASE("wsd is refused by name") { CHECK_THROWS_AS(learning_rate(plan(LrSchedule::wsd), 1), Error); }

}  // namespace llmrun
