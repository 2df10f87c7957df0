#include "engine/core/rank_trace.h"

#include <algorithm>

#include "engine/core/error.h"

namespace llmrun {
namespace {

/// Where a name stands in its table.
template <size_t N>
size_t place_of(const std::array<std::string_view, N>& names, const json& name) {
  const auto found = std::find(names.begin(), names.end(), name.get_ref<const std::string&>());
  if (found == names.end()) throw Error(Exit::failed, "there are no calls of '{}'", name.get<std::string>());
  return static_cast<size_t>(found - names.begin());
}

Traffic traffic_of(const json& calls) {
  Traffic traffic;
  for (const json& call : calls) {
    Traffic::Cell& cell = traffic.cells[place_of(kPurposeNames, call.at("axis"))];
    cell.verbs[place_of(kVerbNames, call.at("call"))] = {call.at("calls"), call.at("bytes")};
  }
  return traffic;
}

}  // namespace

json calls_json(const Traffic& traffic) {
  json calls = json::array();
  for_each_call(traffic, [&](std::string_view axis, std::string_view verb, const Traffic::Count& count) {
    calls.push_back({{"axis", axis}, {"call", verb}, {"calls", count.calls}, {"bytes", count.bytes}});
  });
  return calls;
}

json to_json(const RankTrace& trace) {
  return {{"version", 1},
          {"device_peak_bytes", trace.device_peak_bytes},
          {"host_peak_bytes", trace.host_peak_bytes},
          {"peak_micro_batches", trace.peak_micro_batches},
          {"calls_per_step", calls_json(trace.traffic)}};
}

RankTrace rank_trace_from_json(const json& document) {
  try {
    return {traffic_of(document.at("calls_per_step")), document.at("device_peak_bytes"), document.at("host_peak_bytes"),
            document.at("peak_micro_batches")};
  } catch (const json::exception& failure) {
    throw Error(Exit::failed, "that is no trace of a rank: {}", failure.what());
  }
}

}  // namespace llmrun
