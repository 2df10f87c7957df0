#include "tests/parity/cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "engine/core/spec/spellings.h"

namespace llmrun {
namespace {

constexpr int64_t kGoldenLayers = 4;
constexpr std::array kSchedules{Schedule::one_f_one_b, Schedule::gpipe, Schedule::interleaved, Schedule::zero_bubble,
                                Schedule::zero_bubble_v};

// A case as numbers: which value each switch has. Pairs are then pairs of numbers.
constexpr size_t kSwitches = 8;
using Choice = std::array<int, kSwitches>;

std::array<int, kSwitches> values_of_switches() { return {static_cast<int>(golden_layouts().size()), 2, 4, 3, 2, 2, 2, 5}; }

ParityCase case_of(const Choice& choice) {
  return {golden_layouts()[choice[0]],
          choice[1] != 0 ? SequenceParallel::megatron : SequenceParallel::none,
          choice[2],
          std::array<int64_t, 3>{1, 2, 4}[choice[3]],
          choice[4] != 0 ? Recompute::full : Recompute::none,
          choice[5] != 0 ? AttentionKind::plain : AttentionKind::flash,
          choice[6] != 0,
          kSchedules[static_cast<size_t>(choice[7])]};
}

std::vector<Choice> all_choices(int64_t global_batch) {
  std::vector<Choice> all{{}};
  for (size_t i = 0; i < kSwitches; ++i) {
    std::vector<Choice> wider;
    for (const Choice& choice : all)
      for (int value = 0; value < values_of_switches()[i]; ++value) {
        wider.push_back(choice);
        wider.back()[i] = value;
      }
    all = std::move(wider);
  }
  std::erase_if(all, [&](const Choice& choice) { return !case_of(choice).can_exist(global_batch); });
  return all;
}

using Pair = std::array<int, 4>;  // switch, value, switch, value

std::vector<Pair> pairs_of(const Choice& choice) {
  std::vector<Pair> pairs;
  for (int i = 0; i < static_cast<int>(kSwitches); ++i)
    for (int j = i + 1; j < static_cast<int>(kSwitches); ++j) pairs.push_back({i, choice[i], j, choice[j]});
  return pairs;
}

}  // namespace

std::vector<Layout> golden_layouts() {
  std::vector<Layout> layouts;
  for (int64_t tensor : {1, 2, 4})
    for (int64_t pipeline : {1, 2, 4})
      for (int64_t data : {1, 2, 4})
        if (tensor * pipeline * data <= 8) layouts.push_back({.tensor = tensor, .data = data, .pipeline = pipeline});
  return layouts;
}

bool ParityCase::can_exist(int64_t global_batch) const {
  return global_batch % (layout.data * micro_batch) == 0 && (layout.pipeline > 1 || !uneven_stages) &&
         (layout.tensor > 1 || sequence == SequenceParallel::none) && (layout.pipeline > 1 || schedule == Schedule::one_f_one_b) &&
         placement().parts() <= kGoldenLayers &&
         (schedule != Schedule::interleaved || global_batch / (layout.data * micro_batch) % layout.pipeline == 0);
}

PipelinePlacement ParityCase::placement() const {
  ParallelConfig parallel;
  parallel.schedule = schedule;
  parallel.virtual_pipeline = schedule == Schedule::interleaved ? 2 : 1;
  return pipeline_placement(layout, parallel);
}

std::vector<int64_t> ParityCase::layers_per_stage(int64_t layers) const {
  if (!uneven_stages) return {};
  // Four parts of four layers are 0, 1, 1, 2; two are 1, 3: the first one has the embedding to carry.
  std::vector<int64_t> split(static_cast<size_t>(placement().parts()), layers / placement().parts());
  --split.front();
  ++split.back();
  return split;
}

std::string ParityCase::name() const {
  return fmt::format("tensor {} pipeline {} data {}{}{} micro-batch {}{}{}{} {}", layout.tensor, layout.pipeline, layout.data,
                     sequence == SequenceParallel::megatron ? " sequence" : "", zero != 0 ? fmt::format(" zero-{}", zero) : "", micro_batch,
                     recompute == Recompute::full ? " recompute" : "", attention == AttentionKind::plain ? " plain" : "",
                     uneven_stages ? " uneven" : "", spelling(schedule));
}

std::string ParityCase::arguments() const {
  return fmt::format(
      "--ranks {} --set parallel.tensor={} --set parallel.pipeline={} --set parallel.data={} --set parallel.sequence={} --set "
      "parallel.zero={} "
      "--set train.micro_batch={} --set parallel.recompute={} --set train.attention={} --set parallel.schedule={} --set "
      "parallel.virtual_pipeline={}",
      layout.ranks(), layout.tensor, layout.pipeline, layout.data, sequence == SequenceParallel::megatron ? "megatron" : "none", zero,
      micro_batch, recompute == Recompute::full ? "full" : "none", attention == AttentionKind::plain ? "plain" : "flash",
      spelling(schedule), placement().chunks);
}

std::vector<ParityCase> all_cases(int64_t global_batch) {
  std::vector<ParityCase> cases;
  for (const Choice& choice : all_choices(global_batch)) cases.push_back(case_of(choice));
  return cases;
}

std::vector<ParityCase> pairwise_cases(int64_t global_batch) {
  const std::vector<Choice> all = all_choices(global_batch);
  std::set<Pair> missing;
  for (const Choice& choice : all)
    for (const Pair& pair : pairs_of(choice)) missing.insert(pair);
  std::vector<ParityCase> cases;
  while (!missing.empty()) {  // greedily: the choice that has most of what is missing
    auto gain = [&](const Choice& choice) {
      const std::vector<Pair> pairs = pairs_of(choice);
      return std::count_if(pairs.begin(), pairs.end(), [&](const Pair& pair) { return missing.contains(pair); });
    };
    const Choice& best = *std::max_element(all.begin(), all.end(), [&](const Choice& a, const Choice& b) { return gain(a) < gain(b); });
    for (const Pair& pair : pairs_of(best)) missing.erase(pair);
    cases.push_back(case_of(best));
  }
  return cases;
}

std::vector<ParityCase> odd_cases(int64_t heads) {
  std::vector<ParityCase> cases(12);
  cases[0].layout = {.tensor = 3};
  cases[1].layout = {.tensor = 3, .pipeline = 2};
  cases[1].sequence = SequenceParallel::megatron;
  cases[2].layout = {.tensor = 6};  // two copies of each KV head
  cases[2].recompute = Recompute::full;
  cases[2].attention = AttentionKind::plain;
  cases[3].layout = {.data = 3, .pipeline = 2};
  cases[3].zero = 1;
  cases[4].layout = {.pipeline = 5};
  cases[5].layout = {.tensor = 3, .data = 2};
  cases[5].zero = 1;
  cases[5].sequence = SequenceParallel::megatron;
  cases[6].layout = {.tensor = 2, .data = 2};  // Llama's three KV heads over two ranks
  cases[6].zero = 1;
  cases[7].layout = {.tensor = 2, .pipeline = 2};
  cases[7].recompute = Recompute::full;
  cases[8].layout = {.data = 2, .pipeline = 3};
  cases[8].schedule = Schedule::zero_bubble;
  cases[8].recompute = Recompute::full;
  cases[9].layout = {.tensor = 3, .pipeline = 2};
  cases[9].schedule = Schedule::zero_bubble_v;
  cases[10].layout = {.tensor = 2, .data = 3};
  cases[10].zero = 3;
  cases[10].sequence = SequenceParallel::megatron;
  cases[11].layout = {.data = 2, .pipeline = 3};
  cases[11].zero = 2;
  cases[11].schedule = Schedule::zero_bubble;
  std::erase_if(cases, [&](const ParityCase& parity_case) { return heads % parity_case.layout.tensor != 0; });
  return cases;
}

}  // namespace llmrun
