#include "cli/ui/rank_text.h"

#include <fmt/format.h>

#include <array>

#include "cli/ui/table.h"
#include "engine/core/units.h"

namespace llmrun::cli {
namespace {

std::string bytes(int64_t count) { return human_bytes(static_cast<double>(count)); }

/// "ranks 8-11", "16 ranks from 2 to 962, 64 apart".
std::string ranks_text(const std::vector<int64_t>& ranks) {
  const int64_t step = ranks.size() > 1 ? ranks[1] - ranks[0] : 1;
  if (step == 1) return fmt::format("ranks {}-{}", ranks.front(), ranks.back());
  return fmt::format("{} ranks from {} to {}, {} apart", ranks.size(), ranks.front(), ranks.back(), step);
}

std::string units_text(const std::vector<UnitId>& units) {
  std::string text;
  for (size_t i = 0; i < units.size();) {
    size_t end = i + 1;
    const auto goes_on = [&](size_t at) {
      return units[at].kind == UnitKind::block && units[at - 1].kind == UnitKind::block && units[at].layer == units[at - 1].layer + 1;
    };
    while (end < units.size() && goes_on(end)) ++end;
    const std::string run = end - i == 1 ? unit_name(units[i]) : fmt::format("blocks {}-{}", units[i].layer, units[end - 1].layer);
    text += (text.empty() ? "" : ", ") + run;
    i = end;
  }
  return text;
}

/// Bytes of a rank's device at the peak of a step.
struct MemoryRow {
  const char* key;
  const char* label;
  int64_t bytes;
};

std::array<MemoryRow, 7> memory_rows(const PeakMemory& memory) {
  return {{{"parameters", "parameters", memory.state.parameters},
           {"gradients", "gradients", memory.state.gradients},
           {"optimizer", "optimizer", memory.state.optimizer},
           {"activations", "activations", memory.kept},
           {"unit_work", "work of the unit", memory.working},
           {"zero_buffers", "ZeRO's buffers", memory.sharding},
           {"total", "together", memory.total()}}};
}

}  // namespace

json memory_json(const PeakMemory& memory) {
  json document;
  for (const MemoryRow& row : memory_rows(memory)) document[row.key] = row.bytes;
  document["host"] = memory.host();
  return document;
}

std::string rank_text(const Plan& plan, const RankForecast& rank, const std::optional<RankTrace>& traced) {
  std::string text;
  const auto line = [&](std::string_view name, const std::string& value) { text += fmt::format("{:<18} {}\n", name, value); };
  line(fmt::format("rank {}", rank.rank),
       fmt::format("of {}, local rank {}{}", plan.ranks(), rank.local_rank, rank.host.empty() ? "" : " on " + one_line(rank.host)));
  for (const Axis axis : kAxes)
    if (plan.layout.size(axis) > 1)
      line(fmt::format("  {}", axis_name(axis)),
           fmt::format("{} of {}: {}", rank.where[axis], plan.layout.size(axis), ranks_text(group(plan.layout, rank.rank, {axis}))));
  line("  holds", units_text(rank.units));

  const PeakMemory& memory = rank.memory;
  const char* works = memory.closing ? "steps" : "works";
  text += fmt::format("\nat the peak of a step, while {} {}:\n", unit_name(memory.unit), works);
  const auto held = [&](const char* label, int64_t count) {
    text += fmt::format("  {:<18} {:>16} bytes  {:>10}\n", label, count, bytes(count));
  };
  for (const MemoryRow& row : memory_rows(memory)) held(row.label, row.bytes);
  if (memory.host() > 0) held("in host memory", memory.host());
  if (traced) {
    text += "\ncounted in a step of the trainer without data, by a GPU's operators:\n";
    held("together", traced->device_peak_bytes);
    if (traced->host_peak_bytes > 0) held("in host memory", traced->host_peak_bytes);
  } else if (!is_work_measured(plan)) {
    text += fmt::format("{}; llmrun-rank, which counts it, is not installed\n", kWorkOnGpu);
  }

  text += fmt::format("\nits calls in a step:\n  {:<10} {:<16} {:>10} {:>20}\n", "axis", "call", "calls", "bytes");
  for_each_call(traced ? traced->traffic : rank.traffic, [&](std::string_view axis, std::string_view verb, const Traffic::Count& count) {
    text += fmt::format("  {:<10} {:<16} {:>10} {:>20}  {:>10}\n", axis, verb, count.calls, count.bytes, bytes(count.bytes));
  });
  return text;
}

json rank_json(const Plan& plan, const RankForecast& rank, const std::optional<RankTrace>& traced) {
  json axes = json::object(), units = json::array(), counted;
  for (const Axis axis : kAxes)
    axes[std::string(axis_name(axis))] = {
        {"index", rank.where[axis]}, {"size", plan.layout.size(axis)}, {"ranks", group(plan.layout, rank.rank, {axis})}};
  for (const UnitId& unit : rank.units) units.push_back(unit_name(unit));
  if (traced) counted = {{"total", traced->device_peak_bytes}, {"host", traced->host_peak_bytes}};
  return {{"rank", rank.rank},
          {"host", rank.host.empty() ? json(nullptr) : json(rank.host)},
          {"local_rank", rank.local_rank},
          {"axes", axes},
          {"units", units},
          {"bytes", memory_json(rank.memory)},
          {"counted_bytes", counted},
          {"unit_work_measured", is_work_measured(plan)},
          {"peak_at", unit_name(rank.memory.unit)},
          {"calls_per_step", calls_json(traced ? traced->traffic : rank.traffic)}};
}

}  // namespace llmrun::cli
