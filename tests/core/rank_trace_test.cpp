#include "engine/core/rank_trace.h"

#include "engine/core/error.h"
#include "tests/support/test.h"

using namespace llmrun;

TEST_CASE("a rank's trace comes back from JSON as it was") {
  RankTrace trace{.device_peak_bytes = 5'000'000'000, .host_peak_bytes = 7, .peak_micro_batches = 4};
  trace.traffic[Purpose::tensor].add(Verb::all_reduce, 300);
  trace.traffic[Purpose::tensor].add(Verb::all_reduce, 500);
  trace.traffic[Purpose::pipeline].add(Verb::message, 3'000'000'000);
  const RankTrace again = rank_trace_from_json(to_json(trace));
  CHECK(to_json(again) == to_json(trace));
  CHECK(again.traffic[Purpose::tensor].verbs[static_cast<size_t>(Verb::all_reduce)] == Traffic::Count{2, 800});
  CHECK(again.traffic[Purpose::pipeline].bytes() == 3'000'000'000);
  CHECK(again.device_peak_bytes == 5'000'000'000);
}

TEST_CASE("what is no trace of a rank is refused") {
  json document = to_json(RankTrace{});
  CHECK_THROWS_AS(rank_trace_from_json(json::parse("{", nullptr, false)), Error);
  document["calls_per_step"] = {{{"axis", "tensor"}, {"call", "shout"}, {"calls", 1}, {"bytes", 1}}};
  CHECK_THROWS_AS(rank_trace_from_json(document), Error);
  document.erase("calls_per_step");
  CHECK_THROWS_AS(rank_trace_from_json(document), Error);
}
