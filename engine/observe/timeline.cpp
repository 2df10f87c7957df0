#include "engine/observe/timeline.h"

#include <array>
#include <map>
#include <string_view>
#include <tuple>

#include "engine/core/file.h"
#include "engine/core/json.h"

namespace llmrun {
namespace {

using What = StageEvent::What;

// A viewer's process is a rank, and its threads are these. Both are counted from 1: Perfetto takes 0 for the kernel's idle thread, and
// draws thread 0 as one with thread 1.
enum Track { compute, gather, reduce, offload, fetch };
int64_t process_of(int64_t rank) { return rank + 1; }
int thread_of(Track track) { return static_cast<int>(track) + 1; }
constexpr std::array<std::string_view, 5> kTracks{"compute", "gather parameters", "sum gradients", "offload activations",
                                                  "fetch activations"};

/// How an event is drawn. What is posted begins a bar, which ends where it is awaited.
struct Drawn {
  Track track;
  std::string_view name;
  bool begins = false;
};

Drawn drawn(What what) {
  switch (what) {
    case What::forward:
      return {compute, "forward"};
    case What::restore:
      return {compute, "restore"};
    case What::backward_input:
      return {compute, "backward input"};
    case What::backward_weight:
      return {compute, "backward weight"};
    case What::gather_posted:
      return {gather, "gather", true};
    case What::gather_awaited:
      return {gather, "gather"};
    case What::reduce_posted:
      return {reduce, "reduce-scatter", true};
    case What::reduce_awaited:
      return {reduce, "reduce-scatter"};
    case What::offload_posted:
      return {offload, "offload", true};
    case What::offload_awaited:
      return {offload, "offload"};
    case What::fetch_posted:
      return {fetch, "fetch", true};
    case What::fetch_awaited:
      return {fetch, "fetch"};
  }
  return {compute, ""};
}

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

/// Calls overlap each other: they are asynchronous events, which are drawn on as many lines as it takes, each rank's for itself where files
/// were put together. Waits lie inside work.
void add_calls(const CallLog& log, const Epoch& epoch, int64_t rank, json& events) {
  for (size_t id = 0; id < log.calls().size(); ++id) {
    const LoggedCall& call = log.calls()[id];
    const std::string name = fmt::format("{} {}", purpose_name(call.purpose), verb_name(call.verb));
    json begin{{"ph", "b"},    {"cat", purpose_name(call.purpose)}, {"id2", {{"local", std::to_string(id)}}},
               {"name", name}, {"pid", process_of(rank)},           {"tid", thread_of(compute)}};
    json end = begin;
    begin["ts"] = epoch.of(call.made);
    begin["args"] = {{"bytes", call.bytes}};
    end["ph"] = "e";
    end["ts"] = epoch.of(call.there);
    events.push_back(std::move(begin));
    events.push_back(std::move(end));
    if (call.there > call.asked)
      events.push_back({{"ph", "X"},
                        {"name", "wait for " + name},
                        {"pid", process_of(rank)},
                        {"tid", thread_of(compute)},
                        {"ts", epoch.of(call.asked)},
                        {"dur", epoch.of(call.there) - epoch.of(call.asked)}});
  }
}

}  // namespace

void write_timeline(const std::filesystem::path& file, const StageLog& log, const CallLog& calls, const std::vector<std::string>& units,
                    int64_t rank) {
  const Epoch epoch;
  json events = json::array();
  const auto describe = [&](std::string_view what, Track track, const std::string& name) {
    events.push_back({{"ph", "M"}, {"name", what}, {"pid", process_of(rank)}, {"tid", thread_of(track)}, {"args", {{"name", name}}}});
  };
  describe("process_name", compute, fmt::format("rank {}", rank));
  for (size_t track = 0; track < kTracks.size(); ++track) describe("thread_name", static_cast<Track>(track), std::string(kTracks[track]));
  std::map<std::tuple<Track, size_t, int64_t>, StageEvent::Clock::time_point> posted;  // by track, unit and micro-batch
  for (const StageEvent& event : log.events()) {
    const auto [track, name, begins] = drawn(event.what);
    const std::tuple key{track, event.unit, event.micro_batch};
    if (begins) {
      posted[key] = event.begin;
      continue;
    }
    const auto begin = track == compute ? event.begin : posted.at(key);
    json args = json::object();
    if (event.micro_batch >= 0) args["micro_batch"] = event.micro_batch;
    events.push_back({{"ph", "X"},
                      {"name", std::string(name) + " " + units.at(event.unit)},
                      {"pid", process_of(rank)},
                      {"tid", thread_of(track)},
                      {"ts", epoch.of(begin)},
                      {"dur", epoch.of(event.end) - epoch.of(begin)},
                      {"args", args}});
  }
  add_calls(calls, epoch, rank, events);
  write_file_atomically(file, json{{"traceEvents", events}, {"displayTimeUnit", "ms"}}.dump());
}

}  // namespace llmrun
