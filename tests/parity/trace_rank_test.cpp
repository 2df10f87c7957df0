#include "tests/support/tensor_test.h"
// torch first

#include <array>
#include <cstdlib>

#include "engine/core/peak_memory.h"
#include "engine/core/step_traffic.h"
#include "engine/train/trace_rank.h"
#include "tests/parity/golden.h"

using namespace llmrun;

namespace {

/// Host bytes that no formula knows: the states of the attention kernels' random numbers, which are offloaded with the rest.
constexpr int64_t kScalars = 4096;

void check_trace(const Plan& plan, const std::string& name, int64_t rank) {
  const RankTrace trace = trace_rank(plan, rank);
  const Traffic wanted = step_traffic(plan.model, plan.layout, plan.config.parallel, plan.config.train, plan.accumulate, rank);
  CHECK_MESSAGE(calls_json(trace.traffic) == calls_json(wanted), name, " rank ", rank);

  const PipelineSchedule schedule =
      pipeline_schedule(plan.config.parallel.schedule, pipeline_placement(plan.layout, plan.config.parallel), plan.accumulate);
  const auto stage = static_cast<size_t>(coordinates(plan.layout, rank).pipeline);
  CHECK_MESSAGE(trace.peak_micro_batches == peak_micro_batches(schedule.stages[stage]), name, " rank ", rank);

  const PeakMemory peak = peak_memory(plan, schedule, rank);
  CHECK_MESSAGE(std::abs(trace.host_peak_bytes - peak.host()) <= kScalars, name, " rank ", rank, ": ", trace.host_peak_bytes,
                " in host memory, the formula says ", peak.host());
}

}  // namespace

TEST_CASE("a step without data makes the calls of the formula, on every rank of any layout, and holds in host memory what it says") {
  for (const char* name : {"gpt2-tiny", "llama-tiny"}) {
    const Golden golden = read_golden(name);
    int64_t number = 0;
    for (const ParityCase& drawn : sampled_cases(golden.size(), 100, 12)) {
      Plan plan = golden_plan(golden, drawn, "/nowhere");
      plan.device = Device::cuda;
      plan.config.train.precision = std::array{Precision::bf16, Precision::fp32, Precision::fp16}[static_cast<size_t>(++number % 3)];
      plan.config.data.document_masks = number % 2 == 0;
      for (int64_t rank = 0; rank < plan.ranks(); ++rank) check_trace(plan, drawn.name(), rank);
    }
  }
}
