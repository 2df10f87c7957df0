#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "engine/core/json.h"
#include "tests/cli/command.h"

using namespace llmrun;

namespace {

struct Large {
  const char* what;
  const char* words;
  int64_t rank;
};

/// No machine here could hold a layer of these.
const Large kLarge[] = {
    {"a 25 B GPT at 420k tokens on 4,096 GPUs",
     "--machine perlmutter --model gpt-25b --nodes 1024 --set train.seq_len=419840 --set model.max_positions=419840 "
     "--set parallel.tensor=8 --set parallel.sequence=megatron --set parallel.context=32 --set parallel.pipeline=4 "
     "--set train.accumulate=4 --set parallel.zero=1 --set parallel.recompute=full",
     77},
    {"an 8 B Llama at 1 M tokens on 4,096 GPUs",
     "--machine polaris --model llama-3.1-8b --nodes 1024 --set train.seq_len=1048576 --set model.max_positions=1048576 "
     "--set parallel.tensor=4 --set parallel.sequence=megatron --set parallel.context=64 --set parallel.zero=3 "
     "--set train.accumulate=4 --set parallel.recompute=full",
     4095},
    {"a 405 B Llama in a zero-bubble pipeline",
     "--machine perlmutter --model llama-3.1-405b --nodes 512 --set parallel.tensor=8 --set parallel.pipeline=16 "
     "--set parallel.schedule=zero_bubble --set train.accumulate=32 --set parallel.recompute=full",
     1000},
    {"AuroraGPT's 33 B, whose heads have 106 channels",
     "--machine polaris --model aurora-gpt-33b --nodes 64 --set parallel.tensor=2 --set parallel.pipeline=8 --set parallel.zero=1 "
     "--set train.accumulate=8 --set parallel.recompute=full",
     3},
};

}  // namespace

TEST_CASE("a rank of a layout that nobody could run here is traced: its calls are the plan's, its bytes near them") {
  const CommandLine shell;
  for (const auto& [what, words, rank] : kLarge) {
    const Outcome traced = shell(fmt::format("llmrun plan {} --steps 10 --trace-rank {} --json", words, rank));
    REQUIRE_MESSAGE(traced.exit == 0, what, ": ", traced.err);
    const json told = json::parse(traced.out);
    const Outcome planned = shell(fmt::format("llmrun plan {} --steps 10 --json", words));
    REQUIRE_MESSAGE(planned.exit == 0, what, ": ", planned.err);
    const json stage = json::parse(planned.out).at("stages").at(told.at("axes").at("pipeline").at("index").get<size_t>());
    json bytes = stage.at("comm_bytes_per_step");
    for (const json& call : told.at("calls_per_step")) {
      json& left = bytes.at(call.at("axis").get<std::string>());
      left = left.get<int64_t>() - call.at("bytes").get<int64_t>();
    }
    for (const auto& [axis, left] : bytes.items())
      CHECK_MESSAGE(left == 0, what, ": ", axis, " differs by ", left.get<int64_t>(), " bytes");

    const double counted = told.at("counted_bytes").at("total"), formula = told.at("bytes").at("total");
    // A GPU's operators take more for the unit at work than the CPU's, of which the formula speaks.
    CHECK_MESSAGE((counted > 0.99 * formula && counted < 1.15 * formula), what, ": ", counted, " counted, the formula says ", formula);
  }
}
