#include "engine/observe/timeline.h"

#include <array>
#include <map>
#include <string_view>

#include "engine/core/file.h"
#include "engine/core/json.h"

namespace llmrun {
namespace {

using What = StageEvent::What;

enum Track { compute, gather, reduce };
constexpr std::array<std::string_view, 3> kTracks{"compute", "gather parameters", "sum gradients"};

/// Microseconds since 1970 of a moment of the steady clock.
class Epoch {
 public:
  double of(StageEvent::Clock::time_point moment) const {
    using Micro = std::chrono::duration<double, std::micro>;
    return Micro(system_.time_since_epoch()).count() + Micro(moment - steady_).count();
  }

 private:
  std::chrono::system_clock::time_point system_ = std::chrono::system_clock::now();
  StageEvent::Clock::time_point steady_ = StageEvent::Clock::now();
};

std::string_view word(What what) {
  switch (what) {
    case What::forward:
      return "forward";
    case What::restore:
      return "restore";
    case What::backward_input:
      return "backward input";
    case What::backward_weight:
      return "backward weight";
    case What::gather_posted:
    case What::gather_awaited:
      return "gather";
    case What::reduce_posted:
    case What::reduce_awaited:
      return "reduce-scatter";
  }
  return "";
}

bool is_posted(What what) { return what == What::gather_posted || what == What::reduce_posted; }
Track track_of(What what) {
  if (what == What::gather_posted || what == What::gather_awaited) return gather;
  return what == What::reduce_posted || what == What::reduce_awaited ? reduce : compute;
}

}  // namespace

void write_timeline(const std::filesystem::path& file, const StageLog& log, const std::vector<std::string>& units, int64_t rank) {
  const Epoch epoch;
  json events = json::array();
  for (size_t track = 0; track < kTracks.size(); ++track)
    events.push_back({{"ph", "M"}, {"name", "thread_name"}, {"pid", rank}, {"tid", track}, {"args", {{"name", kTracks[track]}}}});
  std::map<std::pair<Track, size_t>, StageEvent::Clock::time_point> posted;  // by track and unit
  for (const StageEvent& event : log.events()) {
    const Track track = track_of(event.what);
    auto begin = event.begin;
    if (is_posted(event.what)) {
      posted[{track, event.unit}] = begin;
      continue;
    }
    if (track != compute) begin = posted.at({track, event.unit});
    json args = json::object();
    if (event.micro_batch >= 0) args["micro_batch"] = event.micro_batch;
    events.push_back({{"ph", "X"},
                      {"name", std::string(word(event.what)) + " " + units.at(event.unit)},
                      {"pid", rank},
                      {"tid", static_cast<int>(track)},
                      {"ts", epoch.of(begin)},
                      {"dur", epoch.of(event.end) - epoch.of(begin)},
                      {"args", args}});
  }
  write_file_atomically(file, json{{"traceEvents", events}, {"displayTimeUnit", "ms"}}.dump());
}

}  // namespace llmrun
