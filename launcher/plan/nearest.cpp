#include "launcher/plan/nearest.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <limits>

#include "launcher/plan/share_out.h"

namespace llmrun {
namespace {

// The search looks at so many layouts at most and tries so many, the nearest first: a person waits for it.
constexpr size_t kMostLayouts = 20'000;
constexpr size_t kMostTries = 1'000;
constexpr int64_t kMostOfAnAxis = 64;  // where no number of ranks says what an axis may be

/// What the search may change: the axes first, and what is shared out over them. 0 is auto.
constexpr std::array<std::string_view, 11> kKeys{
    "parallel.tensor",   "parallel.sequence_size", "parallel.context",          "parallel.data",
    "parallel.pipeline", "parallel.shard_group",   "parallel.virtual_pipeline", "parallel.recompute_layers",
    "train.seq_len",     "train.global_batch",     "train.accumulate"};
using Sizes = std::array<int64_t, kKeys.size()>;

Sizes sizes_of(const Config& config) {
  const ParallelConfig& parallel = config.parallel;
  const TrainConfig& train = config.train;
  return {parallel.tensor,
          parallel.sequence_size,
          parallel.context,
          parallel.data.value_or(0),
          parallel.pipeline,
          parallel.shard_group.value_or(0),
          parallel.virtual_pipeline,
          parallel.recompute_layers.value_or(0),
          train.seq_len,
          train.global_batch.value_or(0),
          train.accumulate.value_or(0)};
}

/// By how much they differ, in factors; of two that are as far, the one that changes fewer keys is nearer.
double distance(const Config& from, const Config& to) {
  constexpr double kAnotherKey = 0.1;
  const auto logarithm = [](int64_t size) { return std::log(static_cast<double>(std::max<int64_t>(1, size))); };
  const Sizes old_sizes = sizes_of(from), new_sizes = sizes_of(to);
  double sum = from.parallel.layers_per_stage == to.parallel.layers_per_stage ? 0 : kAnotherKey;
  for (size_t i = 0; i < kKeys.size(); ++i)
    if (old_sizes[i] != new_sizes[i]) sum += std::abs(logarithm(new_sizes[i]) - logarithm(old_sizes[i])) + kAnotherKey;
  return sum;
}

/// "--set parallel.tensor=4 --set train.seq_len=252". An axis that follows from the others by a rule is said too where they change: the
/// rule would make it something else.
std::string changes(const Resolved& asked, const Config& to) {
  const Config& from = asked.config;
  std::string text;
  const auto say = [&](std::string_view key, const std::string& value) {
    text += fmt::format("{}--set {}={}", text.empty() ? "" : " ", key, value);
  };
  const Sizes old_sizes = sizes_of(from), new_sizes = sizes_of(to);
  const bool other_axes = !std::equal(old_sizes.begin(), old_sizes.begin() + kAxes.size(), new_sizes.begin());
  for (size_t i = 0; i < kKeys.size(); ++i)
    if (old_sizes[i] != new_sizes[i] || (other_axes && i < kAxes.size() && asked.derived.contains(kKeys[i])))
      say(kKeys[i], new_sizes[i] == 0 ? "auto" : std::to_string(new_sizes[i]));
  if (const std::vector<int64_t>& split = to.parallel.layers_per_stage; split != from.parallel.layers_per_stage)
    say("parallel.layers_per_stage", fmt::format("[{}]", fmt::join(split, ",")));
  return text;
}

Layout asked_for(const ParallelConfig& parallel) {
  return {parallel.tensor, parallel.sequence_size, parallel.context, parallel.data.value_or(1), parallel.pipeline};
}

/// How long an axis may be: what divides the ranks, or where the ranks follow from the axes, no longer than asked for.
std::vector<int64_t> lengths(const RankCount& ranks, int64_t asked) {
  std::vector<int64_t> all;
  const int64_t most = ranks.said ? std::min(2 * asked, *ranks.said) : std::min(asked, kMostOfAnAxis);
  for (int64_t length = 1; length <= most; ++length)
    if (!ranks.said || *ranks.said % length == 0) all.push_back(length);
  return all;
}

/// Tensor ranks talk several times a layer: where those asked for fill a host's places, others that would straddle hosts are no answer.
bool straddles_hosts(int64_t tensor, int64_t asked, const RankCount& ranks) {
  const int64_t places = ranks.most.value_or(0) / ranks.hosts;
  return places > 0 && places % asked == 0 && places % tensor != 0;
}

/// The layouts along the axes that were asked for; `data` takes what they leave of a number of ranks.
std::vector<Layout> layouts_near(const Layout& asked, const RankCount& ranks) {
  std::vector<Layout> layouts(1);
  for (const auto axis : {&Layout::tensor, &Layout::sequence_size, &Layout::context, &Layout::pipeline}) {
    if (asked.*axis == 1) continue;
    std::vector<int64_t> sizes = lengths(ranks, asked.*axis);
    if (axis == &Layout::tensor) std::erase_if(sizes, [&](int64_t size) { return straddles_hosts(size, asked.tensor, ranks); });
    std::vector<Layout> longer;
    for (Layout layout : layouts)
      for (const int64_t size : sizes) {
        layout.*axis = size;
        const bool divides = !ranks.said || *ranks.said % layout.ranks() == 0;
        if (divides && longer.size() < kMostLayouts) longer.push_back(layout);
      }
    layouts = std::move(longer);
  }
  for (Layout& layout : layouts) layout.data = ranks.said ? *ranks.said / layout.ranks() : asked.data;
  return layouts;
}

/// `config` with the axes of `layout`, its `data` only where one was asked for.
void set_axes(Config& config, const Layout& layout) {
  ParallelConfig& parallel = config.parallel;
  parallel.tensor = layout.tensor;
  parallel.sequence_size = layout.sequence_size;
  parallel.context = layout.context;
  parallel.pipeline = layout.pipeline;
  if (parallel.data) parallel.data = layout.data;
}

/// The one set of rules, for what was asked for and for what is tried instead of it.
LaidOut check(const Resolved& resolved, int64_t ranks, bool shaped, std::vector<Complaint>& complaints) {
  const std::optional<Layout> layout = derive_layout(resolved, ranks, complaints);
  LaidOut laid{layout.value_or(asked_for(resolved.config.parallel)), {}};
  if (shaped) check_axes(resolved, laid.layout, complaints);
  if (!layout) return laid;
  laid.batch = derive_batch(resolved, laid.layout, complaints);
  check_schedule(resolved, laid.layout, laid.batch.accumulate, complaints);
  return laid;
}

bool can_be(const Resolved& resolved, const RankCount& ranks) {
  std::vector<Complaint> complaints;
  if (check_model(resolved, complaints)) check(resolved, ranks.of(resolved.config.parallel), true, complaints);
  return complaints.empty();
}

/// As options to type; empty where none was found.
std::string nearest(const Resolved& resolved, const RankCount& ranks) {
  const Config& asked = resolved.config;
  Resolved trial = resolved;
  std::vector<std::pair<double, Layout>> layouts;
  for (const Layout& layout : layouts_near(asked_for(asked.parallel), ranks)) {
    set_axes(trial.config, layout);
    layouts.emplace_back(distance(asked, trial.config), layout);
  }
  std::sort(layouts.begin(), layouts.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  layouts.resize(std::min(layouts.size(), kMostTries));

  Config found = asked;
  double best = std::numeric_limits<double>::infinity();
  for (const auto& [by_axes, layout] : layouts) {
    if (by_axes >= best) break;
    trial.config.parallel = asked.parallel;
    trial.config.train = asked.train;
    set_axes(trial.config, layout);
    share_out(trial.config, layout);
    const double far = distance(asked, trial.config);
    if (far >= best || !can_be(trial, ranks)) continue;
    best = far;
    found = trial.config;
  }
  return changes(resolved, found);
}

/// The other numbers of ranks that the axes would fill, where the hosts have room for them and nothing else stands against them.
std::string other_numbers(const Resolved& resolved, const RankCount& ranks) {
  std::vector<int64_t> numbers = other_ranks(resolved.config.parallel, ranks.of(resolved.config.parallel));
  std::erase_if(numbers, [&](int64_t number) { return number > ranks.most.value_or(number) || !can_be(resolved, {number, ranks.hosts}); });
  return ranks_hint(numbers);
}

/// Whether the hint says it already, and not as the beginning of a longer number.
bool offers(const std::string& hint, const std::string& options) {
  const size_t found = hint.find(options), end = found + options.size();
  return found != std::string::npos && (end == hint.size() || std::isdigit(static_cast<unsigned char>(hint[end])) == 0);
}

/// Behind what a complaint says itself. The hints of several may lead nowhere together: then only the nearest is told.
void hint_at(const std::string& nearest, const RankCount& ranks, std::vector<Complaint>& complaints) {
  if (complaints.size() > 1)
    for (Complaint& complaint : complaints) complaint.hint.clear();
  std::string& hint = complaints.back().hint;
  if (offers(hint, nearest)) return;
  const std::string of_ranks = ranks.said ? fmt::format(" of {} rank{}", *ranks.said, *ranks.said == 1 ? "" : "s") : "";
  hint += fmt::format("{}the nearest layout{} that can be: {}", hint.empty() ? "" : "; ", of_ranks, nearest);
}

}  // namespace

LaidOut lay_out(const Resolved& resolved, const RankCount& ranks, bool shaped, std::vector<Complaint>& complaints) {
  std::vector<Complaint> of_layout;
  const int64_t number = ranks.of(resolved.config.parallel);
  const LaidOut laid = check(resolved, number, shaped, of_layout);
  if (shaped && !of_layout.empty()) {
    if (!other_ranks(resolved.config.parallel, number).empty()) of_layout.front().hint = other_numbers(resolved, ranks);
    if (const std::string options = nearest(resolved, ranks); !options.empty()) hint_at(options, ranks, of_layout);
  }
  std::move(of_layout.begin(), of_layout.end(), std::back_inserter(complaints));
  return laid;
}

}  // namespace llmrun
