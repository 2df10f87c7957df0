#include "tests/engine/checkpoint/simulated_run.h"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <bit>
#include <exception>
#include <memory>
#include <thread>

#include "engine/core/philox.h"

namespace llmrun {
namespace {

/// Ranks as threads meet here: the barrier's completion keeps the verdict of the round.
class Meeting {
 public:
  explicit Meeting(int ranks) : barrier_(ranks, [this]() noexcept { verdict_ = all_ok_.exchange(true); }) {}
  bool agree(bool ok) {
    if (!ok) all_ok_ = false;
    barrier_.arrive_and_wait();
    const bool verdict = verdict_;
    return verdict;
  }

 private:
  std::atomic<bool> all_ok_{true};
  std::atomic<bool> verdict_{true};
  std::barrier<std::function<void()>> barrier_;
};

template <typename Visit>
void for_each_element(const Piece& piece, Visit visit) {
  const int64_t width = piece.box.columns.size();
  for (int64_t i = piece.flat.begin; i < piece.flat.end; ++i) {
    const int64_t row = piece.box.rows.begin + i / width, column = piece.box.columns.begin + i % width;
    visit(piece.data[i - piece.flat.begin], true_value(piece.tensor, piece.kind, row * piece.columns + column));
  }
}

}  // namespace

float true_value(const std::string& tensor, Kind kind, int64_t index) {
  return philox_uniform(philox(7, stream_named(tensor) + static_cast<uint64_t>(kind), static_cast<uint64_t>(index))[0]);
}

void fill(const std::vector<Piece>& pieces, float offset) {
  for (const Piece& piece : pieces) for_each_element(piece, [&](float& element, float value) { element = value + offset; });
}

int64_t count_wrong(const std::vector<Piece>& pieces, float offset) {
  int64_t wrong = 0;
  for (const Piece& piece : pieces)
    for_each_element(
        piece, [&](float element, float value) { wrong += std::bit_cast<uint32_t>(element) != std::bit_cast<uint32_t>(value + offset); });
  return wrong;
}

RankMemory rank_memory(const ModelShape& model, const Division& division, int64_t rank) {
  const Coordinates where = coordinates(division.layout(), rank);
  RankMemory memory;
  for (const UnitId& id : stage_units(model, {division.pipeline}, where.pipeline, division.layers_per_stage)) {
    const UnitParameters unit =
        unit_parameters(model, id, {.tensor = division.tensor, .tensor_rank = where.tensor, .stages = division.pipeline});
    const int64_t share = shard_elements(unit.elements, division.data);
    const Interval whole{0, unit.elements};
    const Interval shard = division.zero ? Interval{share * where.data, share * (where.data + 1)} : whole;
    for (const Kind kind : kKinds) {
      float* data = memory.buffers.emplace_back(static_cast<size_t>(shard.size()), -1.0F).data();
      for (Piece& piece : unit_pieces(unit, kind, shard, data, Ownership::all)) memory.wanted.push_back(std::move(piece));
      if (!division.zero && where.data != 0) continue;
      for (Piece& piece : unit_pieces(unit, kind, shard, data, Ownership::owned)) memory.owned.push_back(std::move(piece));
    }
  }
  return memory;
}

void run_group(int ranks, const std::function<void(const SaveGroup&)>& body) {
  Meeting meeting(ranks);
  std::vector<std::exception_ptr> failures(static_cast<size_t>(ranks));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        body({rank, ranks, [&meeting](bool ok) { return meeting.agree(ok); }});
      } catch (...) {
        failures[static_cast<size_t>(rank)] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

ModelShape small_gpt() {
  ModelConfig config{.family = Family::gpt, .layers = 3, .hidden = 16, .heads = 4, .vocab = 37};
  return model_shape(config, 12);
}

ModelShape small_llama() {
  ModelConfig config{.family = Family::llama, .layers = 4, .hidden = 16, .heads = 4, .kv_heads = 2, .ffn = 22, .vocab = 41};
  return model_shape(config, 12);
}

void save_simulated(const std::filesystem::path& checkpoints, const ModelShape& model, const Division& division, int64_t step, float offset,
                    const SaveOptions& options, Storage& storage) {
  const Snapshot snapshot{
      .step = step, .samples = 8 * step, .seed = 5, .layout = division.layout(), .model = model, .config = {{"run", "simulated"}}};
  run_group(static_cast<int>(division.ranks()), [&](const SaveGroup& group) {
    const RankMemory memory = rank_memory(model, division, group.rank);
    fill(memory.owned, offset);
    save_checkpoint(checkpoints, snapshot, memory.owned, group, options, storage);
  });
}

}  // namespace llmrun
