#pragma once
#include <deque>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "engine/checkpoint/piece.h"
#include "engine/checkpoint/save.h"

namespace llmrun {

/// How a simulated run divides a model.
struct Division {
  int64_t tensor = 1;
  int64_t pipeline = 1;
  int64_t data = 1;
  bool zero = false;  // data ranks hold shards of every unit's buffer; else data rank 0 saves for all
  std::vector<int64_t> layers_per_stage;

  int64_t ranks() const { return tensor * pipeline * data; }
  Layout layout() const { return {.tensor = tensor, .data = data, .pipeline = pipeline}; }
};

/// The memory of one rank: a flat buffer a unit and kind, and what of it the rank owns and wants.
struct RankMemory {
  RankMemory() = default;
  RankMemory(RankMemory&&) = default;  // the pieces point into the buffers, which stay where they are
  RankMemory(const RankMemory&) = delete;
  std::deque<std::vector<float>> buffers;
  std::vector<Piece> owned;
  std::vector<Piece> wanted;
};

/// The value that element `index` (row-major in the whole tensor) of a simulated model has.
float true_value(const std::string& tensor, Kind kind, int64_t index);

/// Every element of every piece set to its true value plus `offset`.
void fill(const std::vector<Piece>& pieces, float offset = 0);
/// Elements that are not bit-equal to their true value plus `offset`.
int64_t count_wrong(const std::vector<Piece>& pieces, float offset = 0);

RankMemory rank_memory(const ModelShape& model, const Division& division, int64_t rank);

/// Runs `body` once a rank, as threads that can agree; an exception in any is thrown again here, rank 0's first.
void run_group(int ranks, const std::function<void(const SaveGroup&)>& body);

ModelShape small_gpt();    // tied, odd vocabulary
ModelShape small_llama();  // grouped KV heads, not tied

/// A save of the whole model by all ranks of a division, every value true plus `offset`.
void save_simulated(const std::filesystem::path& checkpoints, const ModelShape& model, const Division& division, int64_t step,
                    float offset = 0, const SaveOptions& options = {}, Storage& storage = disk());

}  // namespace llmrun
