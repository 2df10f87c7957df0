#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/dataset/dataset_card.h"
#include "engine/core/dataset/text_input.h"

namespace llmrun {

struct PrepareOptions {
  std::vector<std::string> inputs;  // files and directories; "-" is standard input
  std::string prefix;               // PREFIX.bin, .idx, .json and, with SentencePiece, .model
  std::string tokenizer = "bytes";  // bytes, spm:MODEL, spm-train:N
  std::string jsonl_key = "text";
  std::optional<TextFormat> format;               // of every input; by suffix where it is not given
  int workers = 0;                                // threads; 0: one a core
  uint64_t seed = 1;                              // which lines train a vocabulary
  bool overwrite = false;                         // replace a dataset that was made from something else
  std::chrono::milliseconds save_interval{1000};  // how much work an interruption may cost
};

struct PrepareProgress {
  enum class Stage { training, tokenising };
  Stage stage = Stage::tokenising;
  int64_t done_bytes = 0;
  int64_t total_bytes = 0;
  int64_t resumed_bytes = 0;  // of done_bytes, by an earlier, interrupted call
};

struct PrepareResult {
  DatasetCard card;
  bool was_complete = false;  // the same dataset from the same inputs was there already
  int64_t resumed_bytes = 0;
};

/// Tokenises text into a Megatron dataset. The bytes it writes are a function of the inputs' bytes and the options: not of the number
/// of workers, nor of how often the call was killed and repeated. Until it is complete everything lives in PREFIX.part; a repeated call
/// goes on from there when inputs and options are the same. `progress` is called on this thread, after each MiB.
/// Throws Error: preflight (inputs, bad text at file:line, no room, another call at work), failed (a write), usage (tokenizer).
PrepareResult prepare(const PrepareOptions& options, const std::function<void(const PrepareProgress&)>& progress);

}  // namespace llmrun
