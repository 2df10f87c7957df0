#include "tests/parity/cases.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>

#include "engine/core/parameters.h"
#include "engine/core/philox.h"
#include "engine/core/sequence_slice.h"
#include "engine/core/spec/spellings.h"

namespace llmrun {
namespace {

constexpr std::array kSchedules{Schedule::one_f_one_b, Schedule::gpipe, Schedule::interleaved, Schedule::zero_bubble,
                                Schedule::zero_bubble_v};

// A case as numbers: which value each switch has. Pairs are then pairs of numbers.
const std::vector<Offload> kOptimizerAndActivations{Offload::optimizer, Offload::activations};
const std::array<std::vector<Offload>, 5> kOffloads{{{},
                                                     {Offload::optimizer},
                                                     {Offload::activations},
                                                     {Offload::optimizer, Offload::parameters},
                                                     {Offload::optimizer, Offload::parameters, Offload::activations}}};

constexpr size_t kSwitches = 9;
using Choice = std::array<int, kSwitches>;

std::array<int, kSwitches> values_of_switches() { return {static_cast<int>(golden_layouts().size()), 2, 4, 3, 3, 2, 2, 5, 2}; }

ParityCase case_of(const Choice& choice) {
  return {golden_layouts()[choice[0]],
          choice[1] != 0 ? SequenceParallel::megatron : SequenceParallel::none,
          choice[2],
          std::nullopt,
          std::array<int64_t, 3>{1, 2, 4}[choice[3]],
          std::array{Recompute::none, Recompute::full, Recompute::selective}[static_cast<size_t>(choice[4])],
          std::nullopt,
          choice[5] != 0 ? AttentionKind::plain : AttentionKind::flash,
          choice[6] != 0,
          kSchedules[static_cast<size_t>(choice[7])],
          choice[8] != 0 ? kOptimizerAndActivations : std::vector<Offload>{}};
}

std::vector<Choice> all_choices(const GoldenSize& size) {
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
  std::erase_if(all, [&](const Choice& choice) { return !case_of(choice).can_exist(size); });
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

bool ParityCase::can_exist(const GoldenSize& size) const {
  const bool batch = size.global_batch % (layout.data * micro_batch) == 0;
  const bool stages = (layout.pipeline > 1 || (!uneven_stages && schedule == Schedule::one_f_one_b)) && placement().parts() <= size.layers;
  if (!batch || !stages) return false;
  if (zero < 3 && std::count(offload.begin(), offload.end(), Offload::parameters) > 0) return false;
  if (schedule == Schedule::interleaved && size.global_batch / (layout.data * micro_batch) % layout.pipeline != 0) return false;

  const bool heads = size.heads % (layout.tensor * layout.sequence_size) == 0;
  const bool slices = sequence != SequenceParallel::none, ulysses = sequence == SequenceParallel::ulysses;
  if (!heads || (layout.sequence_size > 1) != ulysses || (sequence == SequenceParallel::megatron && layout.tensor == 1)) return false;
  return size.seq_len % sequence_multiple(layout) == 0 &&
         (!slices || micro_batch * slice_tokens(size.seq_len, layout) % layout.tensor == 0);
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
  std::vector<int64_t> split;
  for (int64_t index = 0; index < placement().parts(); ++index) split.push_back(part(layers, placement().parts(), index).size());
  --split.front();
  ++split.back();
  return split;
}

std::string ParityCase::offload_list() const {
  std::string list;
  for (Offload what : offload) list += fmt::format("{}{}", list.empty() ? "[" : ",", spelling(what));
  return list + "]";
}

std::string ParityCase::name() const {
  std::string name;
  for (const Axis axis : kAxes)
    if (layout.size(axis) > 1) name += fmt::format("{} {} ", axis_name(axis), layout.size(axis));
  std::string recomputed = recompute == Recompute::none ? "" : fmt::format(" {} recompute", spelling(recompute));
  if (recompute_layers) recomputed += fmt::format(" of {}", *recompute_layers);
  return fmt::format("{}{}{}micro-batch {}{}{}{} {}", name, sequence == SequenceParallel::megatron ? "megatron " : "",
                     zero != 0 ? fmt::format("zero-{}{} ", zero, shard_group ? fmt::format(" in groups of {}", *shard_group) : "") : "",
                     micro_batch, recomputed, attention == AttentionKind::plain ? " plain" : "", uneven_stages ? " uneven" : "",
                     spelling(schedule)) +
         (offload.empty() ? "" : " offload " + offload_list());
}

std::string ParityCase::arguments(int64_t layers) const {
  std::string text = fmt::format("--ranks {}", layout.ranks());
  const auto set = [&](std::string_view key, const auto& value) { text += fmt::format(" --set {}={}", key, value); };
  set("parallel.tensor", layout.tensor);
  set("parallel.sequence_size", layout.sequence_size);
  set("parallel.context", layout.context);
  set("parallel.data", layout.data);
  set("parallel.pipeline", layout.pipeline);
  set("parallel.sequence", spelling(sequence));
  set("parallel.zero", zero);
  if (shard_group) set("parallel.shard_group", *shard_group);
  set("train.micro_batch", micro_batch);
  set("parallel.recompute", spelling(recompute));
  if (recompute_layers) set("parallel.recompute_layers", *recompute_layers);
  set("train.attention", spelling(attention));
  set("parallel.schedule", spelling(schedule));
  set("parallel.virtual_pipeline", placement().chunks);
  if (!offload.empty()) set("parallel.offload", offload_list());
  if (uneven_stages) set("parallel.layers_per_stage", fmt::format("[{}]", fmt::join(layers_per_stage(layers), ",")));
  return text;
}

std::vector<ParityCase> sampled_cases(const GoldenSize& size, size_t count, uint64_t seed) {
  uint64_t drawn = 0;
  const auto one_of = [&](const auto& values) {
    const PhiloxWords words = philox(seed, stream_named("parity cases"), drawn++);
    return values[words[0] % std::size(values)];
  };
  const std::array<int64_t, 4> ranks{1, 2, 3, 4};
  std::vector<ParityCase> cases;
  std::set<std::string> known;
  while (cases.size() < count) {
    ParityCase drawn_case;
    drawn_case.layout = {one_of(ranks), one_of(ranks), one_of(ranks), one_of(ranks), one_of(ranks)};
    drawn_case.sequence = drawn_case.layout.sequence_size > 1 ? SequenceParallel::ulysses
                                                              : one_of(std::array{SequenceParallel::none, SequenceParallel::megatron});
    drawn_case.zero = one_of(std::array<int64_t, 4>{0, 1, 2, 3});
    drawn_case.shard_group = one_of(std::array<std::optional<int64_t>, 3>{std::nullopt, 2, 3});
    drawn_case.micro_batch = one_of(std::array<int64_t, 3>{1, 2, 4});
    drawn_case.recompute = one_of(std::array{Recompute::none, Recompute::selective, Recompute::full});
    if (drawn_case.recompute != Recompute::none)
      drawn_case.recompute_layers = one_of(std::array<std::optional<int64_t>, 2>{std::nullopt, 1});
    drawn_case.attention = one_of(std::array{AttentionKind::flash, AttentionKind::plain});
    drawn_case.uneven_stages = one_of(std::array{false, true});
    drawn_case.schedule = one_of(kSchedules);
    drawn_case.offload = one_of(kOffloads);
    const Layout& layout = drawn_case.layout;
    const int64_t sharers = gradient_ranks(layout);
    if (drawn_case.zero == 0 || sharers % drawn_case.shard_group.value_or(1) != 0 || sharers == drawn_case.shard_group)
      drawn_case.shard_group.reset();
    const bool splits = layout.sequence_size * layout.context > 1 || drawn_case.sequence == SequenceParallel::megatron;
    if (!splits || layout.ranks() > 12 || !drawn_case.can_exist(size)) continue;
    if (known.insert(drawn_case.name()).second) cases.push_back(drawn_case);
  }
  return cases;
}

std::vector<ParityCase> all_cases(const GoldenSize& size) {
  std::vector<ParityCase> cases;
  for (const Choice& choice : all_choices(size)) cases.push_back(case_of(choice));
  return cases;
}

std::vector<ParityCase> pairwise_cases(const GoldenSize& size) {
  const std::vector<Choice> all = all_choices(size);
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
  cases[7].recompute = Recompute::selective;
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
